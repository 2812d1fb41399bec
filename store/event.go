package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// What a stored change leaves out or marks. A flag that is not known here comes
// from a newer numwatch.
const (
	flagBaseline   = 1 << iota
	flagNumber     // the whole number follows
	flagOwnNumber  // …and its PhoneNumber is the subject's
	flagNewOfField // New is the number's value of the field
	flagAway       // AwaySince follows at the end
	flagsKnown     = 1<<iota - 1
)

func appendSubject(b []byte, s phone.Subject) []byte {
	b = appendText(b, s.Account)
	b = appendText(b, s.Space)
	b = appendText(b, s.PhoneNumber)
	return appendText(b, s.Component)
}

func changeFlags(c *phone.Change) (flags uint64) {
	if c.Baseline {
		flags |= flagBaseline
	}
	if !c.AwaySince.IsZero() {
		flags |= flagAway
	}
	n := c.Number
	if n == nil {
		return flags
	}
	flags |= flagNumber
	if n.PhoneNumber == c.Subject.PhoneNumber {
		flags |= flagOwnNumber
	}
	if n.Has(c.Field) && n.Get(c.Field) == c.New {
		flags |= flagNewOfField
	}
	return flags
}

// appendChange writes the subject, field, direction, flags, times, RequestId,
// the number where there is one, Old, New unless the number has it, MovedFrom,
// Code and Reason, and AwaySince where there is one.
func appendChange(b []byte, c *phone.Change) []byte {
	flags := changeFlags(c)
	b = appendSubject(b, c.Subject)
	b = append(b, fieldCode(c.Field), byte(c.Direction))
	b = binary.AppendUvarint(b, flags)
	b = appendTime(appendTime(b, c.SeenAfter), c.SeenAt)
	b = appendText(b, c.RequestId)
	if flags&flagNumber != 0 {
		if flags&flagOwnNumber == 0 {
			b = appendText(b, c.Number.PhoneNumber)
		}
		b = appendFields(b, c.Number)
	}
	b = appendText(b, c.Old)
	if flags&flagNewOfField == 0 {
		b = appendText(b, c.New)
	}
	b = appendText(b, c.MovedFrom)
	b = appendText(appendText(b, c.Code), c.Reason)
	if flags&flagAway != 0 {
		b = appendTime(b, c.AwaySince)
	}
	return b
}

func (r *reader) subject() phone.Subject {
	return phone.Subject{Account: r.text(), Space: r.text(), PhoneNumber: r.text(), Component: r.text()}
}

// changeHead reads what a change is about, and returns the flags for the rest of it.
func (r *reader) changeHead(c *phone.Change) (flags uint64) {
	c.Subject, c.Field, c.Direction = r.subject(), r.field(), phone.Direction(r.byte())
	flags = r.uvarint()
	if flags > flagsKnown || c.Direction > phone.Sideways {
		r.fail(errDamaged)
	}
	c.Baseline = flags&flagBaseline != 0
	return flags
}

func (r *reader) change(c *phone.Change) {
	flags := r.changeHead(c)
	if r.err != nil {
		return
	}
	c.SeenAfter, c.SeenAt, c.RequestId = r.time(), r.time(), r.text()
	if flags&flagNumber != 0 {
		c.Number = &phone.Number{PhoneNumber: c.Subject.PhoneNumber}
		if flags&flagOwnNumber == 0 {
			c.Number.PhoneNumber = r.text()
		}
		r.fields(c.Number)
	}
	c.Old = r.text()
	if flags&flagNewOfField == 0 {
		c.New = r.text()
	} else if c.Number != nil {
		c.New = c.Number.Get(c.Field)
	}
	c.MovedFrom, c.Code, c.Reason = r.text(), r.text(), r.text()
	if flags&flagAway != 0 {
		c.AwaySince = r.time()
	}
}

// alertRecord is an alert as JSON without its change, which stands beside it in
// the shorter form.
type alertRecord struct {
	*alert.Alert
	Change *phone.Change `json:"change,omitempty"`
}

// appendEvent writes
//
//	kind, time, and of a change: the change;
//	of an alert: the event's change, a byte 1 if the alert's is another and then
//	that one, the rest of the alert as JSON; of the bot: the notice as JSON
//
// The sequence is the key.
func appendEvent(b []byte, e *alert.Event) ([]byte, error) {
	b = appendTime(append(b, byte(e.Kind)), e.Time)
	switch {
	case e.Kind == alert.KindChange:
		return appendChange(b, &e.Change), nil
	case e.Kind == alert.KindAlert && e.Alert != nil:
		b = appendChanges(b, &e.Change, &e.Alert.Change)
		return appendJSON(b, alertRecord{Alert: e.Alert})
	case e.Kind == alert.KindBot && e.Notice != nil:
		return appendJSON(b, e.Notice)
	default:
		return nil, fmt.Errorf("event %d of kind %s lacks what it is about", e.Seq, e.Kind)
	}
}

func appendChanges(b []byte, ofEvent, ofAlert *phone.Change) []byte {
	start := len(b)
	b = appendChange(b, ofEvent)
	middle := len(b)
	b = append(b, 1)
	b = appendChange(b, ofAlert)
	if bytes.Equal(b[start:middle], b[middle+1:]) {
		b = append(b[:middle], 0)
	}
	return b
}

func appendJSON(b []byte, v any) ([]byte, error) {
	j, err := json.Marshal(v)
	return append(b, j...), err
}

func decodeEvent(seq uint64, value []byte) (alert.Event, error) {
	r := &reader{value: value}
	e := alert.Event{Seq: seq, Kind: alert.Kind(r.byte()), Time: r.time()}
	switch e.Kind {
	case alert.KindChange:
		r.change(&e.Change)
	case alert.KindAlert:
		e.Alert = &alert.Alert{}
		r.changes(&e.Change, &e.Alert.Change)
		r.json(e.Alert)
	case alert.KindBot:
		e.Notice = &alert.Notice{}
		r.json(e.Notice)
	default:
		r.fail(errDamaged)
	}
	return e, r.end()
}

func (r *reader) changes(ofEvent, ofAlert *phone.Change) {
	r.change(ofEvent)
	if r.byte() != 0 {
		r.change(ofAlert)
	} else {
		*ofAlert = *ofEvent
	}
}

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

// decodeHead decodes less than decodeEvent: of a change only its beginning.
func decodeHead(seq uint64, value []byte) (Head, error) {
	r := &reader{value: value}
	h := Head{Seq: seq, Kind: alert.Kind(r.byte()), Time: r.time()}
	var ofEvent, ofAlert phone.Change
	switch h.Kind {
	case alert.KindBot:
	case alert.KindChange:
		r.changeHead(&ofEvent)
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
	return h, r.err
}
