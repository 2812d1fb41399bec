package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// The checks of what records say to each other: each sample breaks one thing
// behind Commit's back.
func TestVerifyFindsContradictions(t *testing.T) {
	a := full().Alerts[0]
	for want, brk := range map[string]func(tx *bolt.Tx) error{
		"damaged record \"main\\x00s\" in bucket \"spaces\"": func(tx *bolt.Tx) error {
			return tx.Bucket(spaces.name()).Put(appendSpaceKey(nil, space("s")), []byte{recordVersion, 0, 0})
		},
		"event 2 follows on 0": func(tx *bolt.Tx) error { return moveEvent(tx, 1, 9) },
		"in bucket \"log\": the value is damaged": func(tx *bolt.Tx) error {
			return tx.Bucket(eventLog.name()).Put(seqKey(3), []byte{recordVersion, 0, 0})
		},
		"is not in the index": func(tx *bolt.Tx) error {
			return tx.Bucket(numbers.name()).Delete(indexKey("1", space("gap")))
		},
		"the index has 1 numbers more": func(tx *bolt.Tx) error {
			return tx.Bucket(numbers.name()).Put(indexKey("77", space("gap")), []byte{})
		},
		"\"other\" in bucket \"alerts\": it holds alert": func(tx *bolt.Tx) error {
			b := tx.Bucket(alerts.name())
			return b.Put([]byte("other"), b.Get([]byte(a.ID)))
		},
		"is open for the same rule": func(tx *bolt.Tx) error {
			twin := a
			twin.ID = "twin"
			return tx.Bucket(alerts.name()).Put([]byte("twin"), must(appendJSON(nil, twin)))
		},
		"it shows revision 5": func(tx *bolt.Tx) error {
			ahead := a
			ahead.Revision = 5
			return tx.Bucket(messages.name()).Put([]byte("m-1"), must(appendJSON(nil, messageOn("m-1", ahead))))
		},
		"\"m-1\" in bucket \"messages\"": func(tx *bolt.Tx) error { return tx.Bucket(messages.name()).Put([]byte("m-1"), []byte("{")) },
		"it holds the condition of": func(tx *bolt.Tx) error {
			return tx.Bucket(conditions.name()).Put([]byte("x"), []byte(`{"field":"Sink"}`))
		},
		"the epoch is":           func(tx *bolt.Tx) error { return tx.Bucket([]byte(metaBucket)).Delete([]byte(epochKey)) },
		"bucket \"log\" is gone": func(tx *bolt.Tx) error { return tx.DeleteBucket(eventLog.name()) },
	} {
		t.Run(want, func(t *testing.T) {
			s := openTemp(t)
			require.NoError(t, s.Commit(full()))
			require.NoError(t, s.db.Update(brk))
			require.NoError(t, s.Close())
			report, err := Verify(s.path)
			require.NoError(t, err)
			require.Contains(t, strings.Join(report.Problems, "\n"), want)
		})
	}
}

func moveEvent(tx *bolt.Tx, from, to uint64) error {
	b := tx.Bucket(eventLog.name())
	if err := b.Put(seqKey(to), b.Get(seqKey(from))); err != nil {
		return err
	}
	if err := b.Put(seqKey(0), b.Get(seqKey(from))); err != nil {
		return err
	}
	return b.Delete(seqKey(from))
}
