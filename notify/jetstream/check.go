package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const checkWithin = 5 * time.Second

// unreached says where nats could not be reached, why, and what to do.
func unreached(login *Login, err error) error {
	advice := "check nats.url, and that the server is up"
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
		advice = "check the credentials: nats.token, nats.creds_file, nats.nkey_file, or the user in nats.url"
	}
	return fmt.Errorf("connecting to nats at %s: %w; %s", login.where(), err, advice)
}

// Check connects once and says, in words for people, whether the stream can be
// used. It changes nothing.
func Check(ctx context.Context, login Login, stream StreamOptions) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	o, err := login.options()
	if err != nil {
		return "", err
	}
	nc, err := nats.Connect(login.URL, append(o, nats.RetryOnFailedConnect(false), nats.MaxReconnects(0), nats.Timeout(checkWithin))...)
	if err != nil {
		return "", unreached(&login, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return "", fmt.Errorf("using JetStream at %s: %w", login.where(), err)
	}
	create := stream.Create
	stream.Create = false
	found, err := stream.open(ctx, js)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && create:
		return fmt.Sprintf("%s answers; stream %s will be created", login.where(), stream.Name), nil
	case err != nil:
		return "", err
	}
	read, err := newReader(nc, stream.Name)
	if err != nil {
		return "", err
	}
	if _, err := read.lastOn(ctx, SubjectAll); err != nil {
		return "", err
	}
	result := fmt.Sprintf("%s answers; stream %s fits", login.where(), stream.Name)
	for _, w := range stream.warnings(found.CachedInfo().Config) {
		result += "\nwarning: " + w
	}
	return result, nil
}
