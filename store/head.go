package store

import (
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Head is what an event is about, without what it says.
type Head struct {
	Seq        uint64
	Time       time.Time
	Kind       alert.Kind
	Subject    phone.Subject   // as alert.Event.Subject
	Direction  phone.Direction // of the change
	Baseline   bool
	Rule       string           // of an alert
	Transition alert.Transition // of an alert
}

// HeadOf returns the head of an event.
func HeadOf(e *alert.Event) Head {
	h := Head{Seq: e.Seq, Time: e.Time, Kind: e.Kind, Subject: e.Subject(), Direction: e.Change.Direction, Baseline: e.Change.Baseline}
	if e.Alert != nil {
		h.Rule, h.Transition = e.Alert.Rule, e.Alert.Transition
	}
	return h
}

// decodeHead decodes less than decodeEvent.
func decodeHead(seq uint64, value []byte) (Head, error) {
	r := &reader{value: value}
	h := Head{Seq: seq, Kind: alert.Kind(r.byte()), Time: r.time()}
	var ofEvent, ofAlert phone.Change
	switch h.Kind {
	case alert.KindBot:
		return h, r.err
	case alert.KindChange:
		r.change(&ofEvent)
		h.Subject = ofEvent.Subject
	default:
		var rest struct {
			Rule       string           `json:"rule"`
			Transition alert.Transition `json:"transition"`
			Subject    phone.Subject    `json:"subject"`
		}
		r.changes(&ofEvent, &ofAlert)
		r.json(&rest)
		h.Rule, h.Transition, h.Subject = rest.Rule, rest.Transition, rest.Subject
	}
	h.Direction, h.Baseline = ofEvent.Direction, ofEvent.Baseline
	return h, r.end()
}
