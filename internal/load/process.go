package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of times in /proc on every Linux that Go runs on.
const ticksPerSecond = 100

// cpu returns the processor's time that a process has taken.
func cpu(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("reading /proc/%d/stat: %d fields", pid, len(fields))
	}
	sum := 0
	for _, i := range []int{user, system} {
		ticks, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		sum += ticks
	}
	return time.Duration(sum) * time.Second / ticksPerSecond, nil
}

// memory is what a process holds of the machine's memory, in bytes.
type memory struct {
	own    int64 // all but the pages of the store's file
	mapped int64 // pages of the store's file: the kernel takes them back when it needs to
}

// resident reads how much of a process is in memory.
func resident(pid int) (m memory, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		return m, err
	}
	defer file.Close()
	lines, store := bufio.NewScanner(file), false
	for lines.Scan() {
		name, rest, found := strings.Cut(lines.Text(), ":")
		switch {
		case !found || strings.Contains(name, "-"): // the head of a mapping
			store = strings.HasSuffix(lines.Text(), string(filepath.Separator)+storeFile)
		case name == "Rss":
			kB, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return m, err
			}
			if store {
				m.mapped += kB << 10
			} else {
				m.own += kB << 10
			}
		}
	}
	return m, lines.Err()
}
