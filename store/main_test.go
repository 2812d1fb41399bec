package store

import (
	"fmt"
	"os"
	"testing"
)

// childEnv makes the test binary a process that only works on the store it names.
const childEnv = "NUMWATCH_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := commitForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}
