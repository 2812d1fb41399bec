package rulefile

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Where a machine has no time zones at all, looking for another name does not help.
func TestALocationThatIsUnknown(t *testing.T) {
	require.Contains(t, locationHelp(time.LoadLocation), "a name like Asia/Singapore")
	none := func(string) (*time.Location, error) { return nil, errors.New("no zones") }
	require.Contains(t, locationHelp(none), "install its package tzdata")
}
