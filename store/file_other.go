//go:build !unix

package store

import "os"

func keepOwner(*os.File, os.FileInfo) error { return nil }

func unlock(*os.File) error { return nil }
