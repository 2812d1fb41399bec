//go:build unix

package dbfile

import (
	"errors"
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

func lock(file *os.File, exclusive bool) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
