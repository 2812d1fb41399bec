package notify

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A name that others control must not lead into the bot's own network.
func TestPrivateAddressesAreRefused(t *testing.T) {
	for address, ok := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.0.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "169.254.169.254": false, "100.100.100.200": false,
		"0.0.0.0": false, "::": false, "::1": false, "fd00::1": false, "fe80::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false,
		"64:ff9b:1::a00:1": false, "::10.0.0.1": false, "::ffff:0:10.0.0.1": false, "fec0::1": false, "5f00::1": false,
		"2002:a00:1::": false, "2001::1": false, "224.0.0.1": false, "255.255.255.255": false,
	} {
		err := publicOnly(t.Context(), "tcp", port443(address), nil)
		require.Equal(t, ok, err == nil, address)
	}
	_, err := NewClient(false, nil).Get("http://localhost:1/") //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, errPrivate)
}

func port443(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]:443"
	}
	return address + ":443"
}
