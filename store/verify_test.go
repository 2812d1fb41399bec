package store

import (
	"strings"
	"testing"

	"numwatch/phone"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// The checks of what records say to each other: each sample breaks one thing
// behind Commit's back.
func TestVerifyFindsContradictions(t *testing.T) {
	a := full().Alerts[0]
	for want, brk := range map[string]func(tx *bolt.Tx) error{
		"damaged record \"main\\x00s\" in bucket \"spaces\": its checksum does not match": func(tx *bolt.Tx) error {
			return tx.Bucket(spaces.name()).Put(appendSpaceKey(nil, space("s")), []byte{0, 0})
		},
		"in bucket \"spaces\": the value is damaged": func(tx *bolt.Tx) error {
			return putSealed(tx, spaces, string(appendSpaceKey(nil, space("s"))), []byte{0, 0})
		},
		"in bucket \"checkpoints\": its checksum does not match": func(tx *bolt.Tx) error {
			return tx.Bucket(checkpoints.name()).Put([]byte("nats"), []byte("{}"))
		},
		"event 3 follows event 1": func(tx *bolt.Tx) error { return tx.Bucket(eventLog.name()).Delete(seqKey(2)) },
		"in bucket \"log\": the value is damaged": func(tx *bolt.Tx) error {
			return putSealed(tx, eventLog, string(seqKey(3)), []byte{0, 0})
		},
		"is not in the index": func(tx *bolt.Tx) error {
			return tx.Bucket(numbers.name()).Delete(indexKey("1", space("gap")))
		},
		"the index has 1 numbers more": func(tx *bolt.Tx) error {
			return putSealed(tx, numbers, string(indexKey("77", space("gap"))), nil)
		},
		"which is gone from main/gap, is not in the index": func(tx *bolt.Tx) error {
			state := stateOf(space("gap"), named("1", "5")...)
			state.Gone = []phone.GoneNumber{{PhoneNumber: "2", Listed: noon}}
			return putSealed(tx, spaces, string(appendSpaceKey(nil, space("gap"))), appendState(nil, &state))
		},
		"the index has 1 numbers more that are gone": func(tx *bolt.Tx) error {
			return putSealed(tx, gone, string(indexKey("77", space("gap"))), nil)
		},
		"\"other\" in bucket \"alerts\": it holds alert": func(tx *bolt.Tx) error {
			return putSealed(tx, alerts, "other", must(appendJSON(nil, a)))
		},
		"is open for the same rule": func(tx *bolt.Tx) error {
			twin := a
			twin.ID = "twin"
			return putSealed(tx, alerts, "twin", must(appendJSON(nil, twin)))
		},
		"it shows revision 5": func(tx *bolt.Tx) error {
			ahead := a
			ahead.Revision = 5
			return putSealed(tx, messages, "m-1", must(appendJSON(nil, messageOn("m-1", ahead))))
		},
		"\"m-1\" in bucket \"messages\"": func(tx *bolt.Tx) error { return putSealed(tx, messages, "m-1", []byte("{")) },
		"it holds the condition of": func(tx *bolt.Tx) error {
			return putSealed(tx, conditions, "x", []byte(`{"field":"Sink"}`))
		},
		"damaged record \"epoch\" in bucket \"meta\"": func(tx *bolt.Tx) error { return meta.in(tx).Delete([]byte(epochKey)) },
		"bucket \"log\" is missing":                   func(tx *bolt.Tx) error { return tx.DeleteBucket(eventLog.name()) },
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

func putSealed(tx *bolt.Tx, b bucket, key string, value []byte) error {
	return b.in(tx).Put([]byte(key), seal(value, 0, b, []byte(key)))
}
