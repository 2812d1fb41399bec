package cli_test

import (
	"github.com/rogpeppe/go-internal/testscript"

	camssim "numwatch/internal/sim/cams"
)

// spaceCommand changes which spaces the account has, and whether it lists them.
func spaceCommand(ts *testscript.TestScript, neg bool, args []string) {
	const text = "space add SPACE NAME NUMBER | rename SPACE NAME | remove SPACE | unlisted CODE"
	usage(ts, !neg && len(args) > 1, text)
	cloud := worldOf(ts).cloud
	switch what := args[0]; {
	case what == "add" && len(args) == 4:
		numbers := []camssim.Number{healthy(args[3], args[2])}
		ts.Check(cloud.SetSpace("main", camssim.Space{Id: args[1], Name: args[2], Numbers: numbers}))
	case what == "rename" && len(args) == 3:
		numbers, err := cloud.Numbers("main", args[1])
		ts.Check(err)
		ts.Check(cloud.SetSpace("main", camssim.Space{Id: args[1], Name: args[2], Numbers: numbers}))
	case what == "remove" && len(args) == 2:
		ts.Check(cloud.RemoveSpace("main", args[1]))
	case what == "unlisted" && len(args) == 2:
		cloud.Inject(camssim.Fault{Kind: camssim.Refuse, Code: args[1], Action: camssim.ListInstance})
	default:
		usage(ts, false, text)
	}
}
