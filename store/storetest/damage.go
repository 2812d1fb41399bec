// Package storetest damages stores for tests.
package storetest

import (
	"bytes"
	"errors"
	"os"
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

// ZeroRoot clears the page that leads to a bucket's records, or holds them, in the file at
// path, which nobody may have open.
func ZeroRoot(t testing.TB, path, bucket string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	require.NoError(t, err)
	var page int64
	require.NoError(t, db.View(func(tx *bolt.Tx) error {
		page = int64(tx.Bucket([]byte(bucket)).RootPage())
		return nil
	}))
	size := int64(db.Info().PageSize)
	require.NoError(t, db.Close())
	require.NotZero(t, page, "the bucket is too small to have a page of its own")
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(make([]byte, size), page*size)
	require.NoError(t, errors.Join(err, file.Close()))
}
