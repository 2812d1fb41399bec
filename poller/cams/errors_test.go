package cams

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorTellsEverything(t *testing.T) {
	e := &Error{Class: DeniedSpace, Account: "main", Space: "7", HTTPStatus: 400, Code: "X", Message: "m", RequestId: "R", Advice: "do"}
	require.Equal(t, "space main/7: denied: X (HTTP 400): m; do (RequestId R)", e.Error())
	require.Equal(t, "class 9", Class(9).String())
	require.Equal(t, "account main: poll failed", (&Error{Class: 9, Account: "main"}).Error())
	require.Equal(t, "transient", fmt.Sprint(Transient))
}

func TestRejectedIsFitToBeShown(t *testing.T) {
	e := Rejected(space("7"), 400, "Odd\n<!here>", "see https://u:p@h/x?token=1\x1b[31m\nnow")
	require.Equal(t, DeniedSpace, e.Class)
	require.NotContains(t, e.Error(), "token=1")
	require.NotContains(t, e.Error(), "u:p@")
	require.NotContains(t, e.Error(), "\x1b")
	require.NotContains(t, e.Error(), "\n")
}
