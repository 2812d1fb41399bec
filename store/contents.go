package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
)

// contents checks the records and how they fit together.
func (r *Report) contents(tx *bolt.Tx) {
	r.tally(tx)
	r.rosters(tx)
	r.events(tx)
	r.messages(tx, r.alerts(tx))
	r.conditions(tx)
}

// each calls do for every record of a table, and makes its error a problem.
func (r *Report) each(tx *bolt.Tx, t table, do func(k, v []byte) error) {
	c := tx.Bucket(t.name()).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if err := do(k, v); err != nil {
			r.problem("%s: %v", t, err)
		}
	}
}

// tally counts anew what the commits counted.
func (r *Report) tally(tx *bolt.Tx) {
	kept, err := readTally(tx)
	if err != nil {
		r.problem("%v", err)
		return
	}
	var counted tally
	for t := range tableCount {
		r.each(tx, t, func(k, v []byte) error {
			counted[t].records++
			counted[t].bytes += uint64(len(k) + len(v))
			return nil
		})
		if kept[t] != counted[t] {
			r.problem("%s: the counter says %d records of %d bytes, there are %d of %d",
				t, kept[t].records, kept[t].bytes, counted[t].records, counted[t].bytes)
		}
	}
	r.Spaces, r.Numbers, r.Events = int(counted[rosters].records), int(counted[homes].records), int(counted[eventLog].records)
	r.Alerts, r.Messages = int(counted[alerts].records), int(counted[messages].records)
	r.Conditions = int(counted[conditions].records)
}

// rosters checks that each reads and that the index has its numbers and no
// others.
func (r *Report) rosters(tx *bolt.Tx) {
	index, known := tx.Bucket(homes.name()), 0
	r.each(tx, rosters, func(k, v []byte) error {
		space, err := parseSpaceKey(k)
		if err != nil {
			return err
		}
		roster, err := decodeRoster(space, v)
		if err != nil {
			return err
		}
		for i := range roster.Numbers {
			known++
			if index.Get(homeKey(roster.Numbers[i].PhoneNumber, space)) == nil {
				r.problem("homes: number %q of %s is not in the index", roster.Numbers[i].PhoneNumber, space)
			}
		}
		return checkSorted(space, roster.Numbers)
	})
	if r.Numbers > known {
		r.problem("homes: the index has %d numbers more than the rosters", r.Numbers-known)
	}
}

func (r *Report) events(tx *bolt.Tx) {
	var err error
	if r.FirstSeq, r.LastSeq, err = logBounds(tx.Bucket(eventLog.name())); err != nil {
		r.problem("log: %v", err)
		return
	}
	next := r.FirstSeq
	r.each(tx, eventLog, func(k, v []byte) error {
		seq, err := parseSeqKey(k)
		if err != nil {
			return err
		}
		if seq != next {
			r.problem("log: event %d follows on %d", seq, next-1)
		}
		next = seq + 1
		_, err = decodeEvent(seq, v)
		return err
	})
}

// alerts returns the revision of each alert.
func (r *Report) alerts(tx *bolt.Tx) map[string]uint64 {
	revisions := map[string]uint64{}
	open := map[alert.Key]string{}
	r.each(tx, alerts, func(k, v []byte) error {
		var a alert.Alert
		if err := decodeJSON(k, v, &a); err != nil {
			return err
		}
		if a.ID != string(k) {
			return fmt.Errorf("alert %q stands under %q", a.ID, k)
		}
		revisions[a.ID] = a.Revision
		if a.State.Closed() {
			return nil
		}
		if other, ok := open[a.Key()]; ok {
			return fmt.Errorf("%q and %q are open for the same rule, subject and field", other, a.ID)
		}
		open[a.Key()] = a.ID
		return nil
	})
	return revisions
}

// messages checks that none shows more than there is. An alert that is gone was
// closed and forgotten.
func (r *Report) messages(tx *bolt.Tx, revisions map[string]uint64) {
	r.each(tx, messages, func(k, v []byte) error {
		var m alert.Message
		if err := decodeJSON(k, v, &m); err != nil {
			return err
		}
		if m.ID != string(k) {
			return fmt.Errorf("message %q stands under %q", m.ID, k)
		}
		for _, shown := range m.Alerts {
			if revision, ok := revisions[shown.Alert]; ok && max(shown.Revision, shown.NotifiedRevision) > revision {
				return fmt.Errorf("message %q shows revision %d of alert %q, which has %d",
					m.ID, max(shown.Revision, shown.NotifiedRevision), shown.Alert, revision)
			}
		}
		return nil
	})
}

func (r *Report) conditions(tx *bolt.Tx) {
	r.each(tx, conditions, func(k, v []byte) error {
		var c phone.Condition
		if err := decodeJSON(k, v, &c); err != nil {
			return err
		}
		if !bytes.Equal(k, conditionKey(&c)) {
			return fmt.Errorf("the condition of %s stands under another key", c.Subject)
		}
		return nil
	})
}

func decodeJSON(k, v []byte, into any) error {
	if err := json.Unmarshal(v, into); err != nil {
		return fmt.Errorf("record %q: %w", k, err)
	}
	return nil
}
