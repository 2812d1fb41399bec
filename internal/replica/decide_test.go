package replica

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"numwatch/store"
)

func apiError(code jetstream.ErrorCode) error {
	return fmt.Errorf("publishing: %w", &jetstream.APIError{ErrorCode: code})
}

func TestAfterPublish(t *testing.T) {
	for name, c := range map[string]struct {
		acked uint64
		err   error
		want  step
	}{
		"acknowledged":                 {acked: 8, want: stepStored},
		"acknowledged somewhere else":  {acked: 5, want: stepLook},
		"wrong last sequence":          {err: apiError(10071), want: stepLook},
		"the same of a replicated one": {err: apiError(10164), want: stepLook},
		"full":                         {err: apiError(10077), want: stepFull},
		"no leader":                    {err: apiError(10008), want: stepAgain},
		"time-out":                     {err: nats.ErrTimeout, want: stepAgain},
		"no responders":                {err: jetstream.ErrNoStreamResponse, want: stepAgain},
	} {
		require.Equal(t, c.want, afterPublish(c.acked, 8, c.err), name)
	}
}

func TestAfterLook(t *testing.T) {
	mine := []byte("mine")
	for name, c := range map[string]struct {
		found lookup
		want  step
	}{
		"mine":            {lookup{record: []byte("mine")}, stepStored},
		"another's":       {lookup{record: []byte("its")}, stepFenced},
		"none yet":        {lookup{}, stepAgain},
		"no answer":       {lookup{err: errors.New("time-out")}, stepAgain},
		"no stream":       {lookup{gone: true}, stepAgain},
		"no empty record": {lookup{record: []byte{}}, stepFenced},
	} {
		require.Equal(t, c.want, afterLook(mine, c.found), name)
	}
}

// line is a record of a log, without a body.
func line(t *testing.T, log, prev string) []byte {
	t.Helper()
	record, err := encode(&header{Kind: kindBeat, Log: log, Prev: prev}, nil)
	require.NoError(t, err)
	return record
}

func TestJudge(t *testing.T) {
	own := line(t, "log", "before")
	p := store.Position{Log: "log", Seq: 31, Hash: hashOf(own)}
	next := hash(p.Hash).String()
	for name, c := range map[string]struct {
		found lookup
		want  verdict
	}{
		"the same":                              {lookup{record: own, seq: 31}, verdictSame},
		"no answer":                             {lookup{err: errors.New("time-out")}, verdictUnknown},
		"deleted":                               {lookup{gone: true}, verdictAhead},
		"made anew, empty":                      {lookup{}, verdictAhead},
		"shortened":                             {lookup{last: 30}, verdictAhead},
		"another log of the same length":        {lookup{record: line(t, "other", "before"), seq: 31}, verdictAhead},
		"the same log with another history":     {lookup{record: line(t, "log", "other"), seq: 31}, verdictDiverged},
		"no record of ours":                     {lookup{record: []byte("nonsense"), seq: 31}, verdictDiverged},
		"emptied":                               {lookup{last: 40}, verdictUnknown},
		"purged":                                {lookup{record: line(t, "log", "x"), seq: 35}, verdictPurged},
		"purged up to here":                     {lookup{record: line(t, "log", next), seq: 32}, verdictSame},
		"purged up to here in another history":  {lookup{record: line(t, "log", "x"), seq: 32}, verdictPurged},
		"another log that was purged up to now": {lookup{record: line(t, "other", "x"), seq: 35}, verdictAhead},
	} {
		require.Equal(t, c.want, judge(p, c.found), name)
	}
}

func TestJoin(t *testing.T) {
	own := line(t, "log", "before")
	at := store.Position{Log: "log", Seq: 31, Hash: hashOf(own)}
	first := lookup{record: line(t, "log", ""), seq: 1}
	begun := &genesis{Epoch: "abcdef"}
	snapshot := &genesis{Epoch: "abcdef", Snapshot: true, Events: 7}
	for name, c := range map[string]struct {
		found beginning
		want  plan
	}{
		"nothing anywhere":                 {beginning{}, planGenesis},
		"a store and an empty log":         {beginning{store: true}, planGenesis},
		"no stream":                        {beginning{log: lookup{gone: true}}, planWait},
		"no answer":                        {beginning{log: lookup{err: errors.New("time-out")}}, planWait},
		"a log and no store":               {beginning{log: first, genesis: begun}, planReplay},
		"a log that continues a store":     {beginning{log: first, genesis: snapshot}, planFetch},
		"a log that was purged":            {beginning{log: lookup{record: own, seq: 9}}, planFetch},
		"a store that never was in it":     {beginning{log: first, genesis: begun, store: true}, planForeign},
		"the store that it was begun with": {beginning{log: first, genesis: snapshot, store: true, epoch: "abcdef", events: 7}, planReplay},
		"that store, used since":           {beginning{log: first, genesis: snapshot, store: true, epoch: "abcdef", events: 8}, planForeign},
		"emptied by hand":                  {beginning{log: lookup{last: 40}, position: at, store: true}, planUnmatched},
		"emptied by hand, no store":        {beginning{log: lookup{last: 40}}, planUnmatched},
		"its place":                        {beginning{log: lookup{record: own, seq: 31}, position: at}, planFollow},
		"the log was deleted":              {beginning{log: lookup{gone: true}, position: at}, planAhead},
		"the log was made anew":            {beginning{log: lookup{}, position: at}, planAhead},
		"another history":                  {beginning{log: lookup{record: line(t, "log", "other"), seq: 31}, position: at}, planDiverged},
		"its place was purged":             {beginning{log: lookup{record: line(t, "log", "x"), seq: 35}, position: at}, planFetch},
	} {
		require.Equal(t, c.want, join(c.found), name)
	}
}

func TestMayLead(t *testing.T) {
	const lease = 10 * time.Second
	for name, c := range map[string]struct {
		known quiet
		at    time.Duration
		want  bool
	}{
		"heard a moment ago":       {quiet{reads: true}, lease - 1, false},
		"silent for a lease":       {quiet{reads: true}, lease, true},
		"not readable":             {quiet{}, time.Hour, false},
		"readable for too short":   {quiet{reads: true, readable: lease}, lease + lease/4 - 1, false},
		"readable for long enough": {quiet{reads: true, readable: lease}, lease + lease/4, true},
		"released":                 {quiet{reads: true, released: true, heard: lease, jitter: 30}, lease + 30, true},
		"released, others first":   {quiet{reads: true, released: true, heard: lease, jitter: 30}, lease + 29, false},
		"released, not readable":   {quiet{released: true, heard: lease}, time.Hour, false},
	} {
		require.Equal(t, c.want, c.known.mayLead(lease, c.at), name)
	}
}

func TestPurgeKeepsWhatReplicasNeed(t *testing.T) {
	at := func(applied ...uint64) (all []Report) {
		for _, seq := range applied {
			all = append(all, Report{Status: Status{Applied: seq}})
		}
		return all
	}
	require.Zero(t, purgeBelow(at(500), 1000), "the newest stay")
	require.EqualValues(t, 400_000, purgeBelow(at(500_000, 450_000), 500_000))
	require.EqualValues(t, 300_000, purgeBelow(at(500_000, 300_000), 500_000))
}
