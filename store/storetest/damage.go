// Package storetest damages stores for the tests of whoever has to live with it.
package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// Damage flips the highest bit of a byte of every record in a bucket whose key
// has the prefix, in the file at path, which nobody may have open.
func Damage(t testing.TB, path, bucket, prefix string, at int) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	err = db.Update(func(tx *bolt.Tx) error {
		damaged := map[string][]byte{}
		err := tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
			if bytes.HasPrefix(k, []byte(prefix)) {
				damaged[string(k)] = bytes.Clone(v)
			}
			return nil
		})
		for k, v := range damaged {
			v[at] ^= 0x80
			err = errors.Join(err, tx.Bucket([]byte(bucket)).Put([]byte(k), v))
		}
		require.NotEmpty(t, damaged)
		return err
	})
	require.NoError(t, err)
	require.NoError(t, db.Close())
}
