package main

import (
	"time"

	"github.com/prometheus/procfs"
)

// memory is what a process holds of the machine's memory, in bytes.
type memory struct {
	own    int64 // anonymous: nothing but the process's end gives it back
	mapped int64 // pages of files, the store's above all: the kernel takes them back when it needs to
}

// usage reads the processor's time that a process has taken, and how much of it
// is in memory.
func usage(pid int) (cpu time.Duration, m memory, err error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, m, err
	}
	stat, err := p.Stat()
	if err != nil {
		return 0, m, err
	}
	status, err := p.NewStatus()
	if err != nil {
		return 0, m, err
	}
	return time.Duration(stat.CPUTime() * float64(time.Second)), memory{int64(status.RssAnon), int64(status.RssFile)}, nil
}
