package main

import (
	"bytes"
	"fmt"
	"os"
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
	own    int64 // anonymous: nothing but the process's end gives it back
	mapped int64 // pages of files, the store's above all: the kernel takes them back when it needs to
}

// resident reads how much of a process is in memory.
func resident(pid int) (m memory, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		if name != "RssAnon" && name != "RssFile" {
			continue
		}
		kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("reading /proc/%d/status: %w", pid, err)
		}
		if name == "RssAnon" {
			m.own = kB << 10
		} else {
			m.mapped = kB << 10
		}
	}
	return m, nil
}
