//go:build unix

package dbfile

import (
	"os"
	"syscall"
)

// KeepOwner gives file the owner of another, so that compacting as root does not
// lock the bot out.
func KeepOwner(file *os.File, like os.FileInfo) error {
	want, ok := like.Sys().(*syscall.Stat_t)
	if !ok || int(want.Uid) == os.Geteuid() && int(want.Gid) == os.Getegid() {
		return nil
	}
	return file.Chown(int(want.Uid), int(want.Gid))
}

// unlock gives up the lock on a file that bbolt has mapped and will not unmap:
// closing alone would leave it locked as long as the map exists.
func unlock(file *os.File) error { return syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
