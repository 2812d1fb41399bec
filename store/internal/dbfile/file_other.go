//go:build !unix

package dbfile

import "os"

// KeepOwner does nothing where files have no owner of this kind.
func KeepOwner(*os.File, os.FileInfo) error { return nil }

func unlock(*os.File) error { return nil }

func lock(*os.File, bool) error { return nil }
