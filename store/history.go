package store

import (
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

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

// ReadHeads returns the heads of at most limit events in order, from the first
// whose sequence is from or higher.
func (s *Store) ReadHeads(from uint64, limit int) (heads []Head, err error) {
	err = s.view("the log", func(tx *bolt.Tx) error {
		c := tx.Bucket(eventLog.name()).Cursor()
		for k, v := c.Seek(seqKey(from)); k != nil && len(heads) < limit; k, v = c.Next() {
			seq, err := parseSeqKey(k)
			if err != nil {
				return err
			}
			h, err := decodeHead(seq, v)
			if err != nil {
				return err
			}
			heads = append(heads, h)
		}
		return nil
	})
	return heads, err
}

func decodeHead(seq uint64, value []byte) (Head, error) {
	r := newReader(value, eventVersion)
	h := Head{Seq: seq, Kind: alert.Kind(r.byte()), Time: r.time()}
	if h.Kind == alert.KindBot || r.err != nil {
		return h, r.err
	}
	var ofEvent, ofAlert phone.Change
	if h.Kind == alert.KindChange {
		r.change(&ofEvent)
	} else {
		var rest struct {
			Rule       string           `json:"rule"`
			Transition alert.Transition `json:"transition"`
			Subject    phone.Subject    `json:"subject"`
		}
		r.changes(&ofEvent, &ofAlert)
		r.json(&rest)
		h.Rule, h.Transition, h.Subject = rest.Rule, rest.Transition, rest.Subject
	}
	if err := r.end(); err != nil {
		return Head{}, fmt.Errorf("event %d: %w", seq, err)
	}
	if h.Kind == alert.KindChange {
		h.Subject = ofEvent.Subject
	}
	h.Direction, h.Baseline = ofEvent.Direction, ofEvent.Baseline
	return h, nil
}
