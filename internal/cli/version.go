package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// stamped is set by the linker: -X numwatch/internal/cli.stamped=v1.2.3.
var stamped string

// version names the program, its version, and what built it.
func version() string {
	return fmt.Sprintf("numwatch %s (%s, %s/%s)", release(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is the stamped version or else the revision that Go recorded.
func release() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return "unversioned"
}
