package poller

import (
	"time"

	"numwatch/phone"
	"numwatch/poller/cams"
	"numwatch/poller/health"
)

// Result is what a poll of a space brought: exactly one of Snapshot and Err.
type Result struct {
	Space    phone.SpaceKey
	Snapshot *phone.Snapshot
	Err      *cams.Error
	Started  time.Time // when the request was sent
	At       time.Time // when the answer was complete, or the attempt given up
	// Previous is the time of the last answer that was handed on before, in an
	// earlier run too; zero if it is not known.
	Previous time.Time
}

// verdicts says what a class of errors means for the health of an account.
var verdicts = map[cams.Class]health.Verdict{
	cams.Transient:     health.Failed,
	cams.Throttled:     health.Failed,
	cams.DeniedAccount: health.AccountDenied,
	cams.DeniedSpace:   health.SpaceDenied,
	cams.Clock:         health.Failed,
	cams.Inconsistent:  health.Unusable,
	cams.NoCredentials: health.AccountFailed,
}

// Observe reports a result to the health of its account. Whoever delivers results
// that come from no Poller calls it first.
func Observe(h *health.Account, r Result) {
	p := health.Poll{Space: r.Space.ID, Verdict: health.Succeeded, Started: r.Started, At: r.At}
	if r.Err != nil {
		p.Verdict, p.Code, p.Err = verdicts[r.Err.Class], r.Err.Code, r.Err
		if r.Err.Shared {
			p.Verdict = health.Throttled
		}
	}
	h.Polled(p)
}

// Listed tells the health of an account, once the list of a poll that succeeded was
// compared with what is known, why it is in doubt; nothing where it is not.
func Listed(h *health.Account, s *phone.Snapshot, doubt string) {
	if doubt == "" {
		h.Listed(s.Space.ID, nil, s.At)
		return
	}
	h.Listed(s.Space.ID, &cams.Error{
		Class: cams.Inconsistent, Account: s.Space.Account, Space: s.Space.ID, Code: health.ListInDoubt, Message: doubt, RequestId: s.RequestId,
		Advice: "numbers that are not listed keep their last state until several such lists in a row confirm that they are missing; compare with the cloud's console",
	}, s.At)
}
