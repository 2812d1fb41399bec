package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	bolt "go.etcd.io/bbolt"

	"numwatch/phone"
)

// bucket is one of the buckets that hold records. Its number is part of their
// checksums.
type bucket int

const (
	spaces bucket = iota
	numbers
	eventLog
	alerts
	messages
	conditions
	checkpoints
	silences
	damaged
	meta
	gone
	bucketCount
)

func (b bucket) String() string {
	return [bucketCount]string{"spaces", "numbers", "log", "alerts", "messages", "conditions", "checkpoints", "silences", "damaged", "meta", "gone"}[b]
}

func (b bucket) name() []byte { return []byte(b.String()) }

func (b bucket) in(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket(b.name()) }

var errKey = errors.New("the key is damaged")

func appendSpaceKey(b []byte, k phone.SpaceKey) []byte {
	b = append(b, k.Account...)
	b = append(b, 0)
	return append(b, k.ID...)
}

func parseSpaceKey(b []byte) (phone.SpaceKey, error) {
	account, id, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return phone.SpaceKey{}, errKey
	}
	return phone.SpaceKey{Account: string(account), ID: string(id)}, nil
}

// checkAccount rejects a name that would make keys ambiguous.
func checkAccount(k phone.SpaceKey) error {
	if strings.IndexByte(k.Account, 0) >= 0 {
		return fmt.Errorf("space %q: an account's name cannot hold a NUL byte", k)
	}
	return nil
}

// indexPrefix begins the keys of a number in the index.
func indexPrefix(phoneNumber string) []byte {
	return appendText(make([]byte, 0, len(phoneNumber)+64), phoneNumber)
}

func indexKey(phoneNumber string, k phone.SpaceKey) []byte {
	return appendSpaceKey(indexPrefix(phoneNumber), k)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func parseSeqKey(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, errKey
	}
	return binary.BigEndian.Uint64(b), nil
}

func conditionKey(c *phone.Condition) []byte {
	return append(appendSubject(nil, c.Subject), fieldCode(c.Field))
}

// sumLen is the length of the checksum at the end of every stored value.
const sumLen = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("its checksum does not match")

// checksum is over the key as well, so that a value under another's key is found.
func checksum(b bucket, key, value []byte) uint32 {
	return crc32.Update(crc32.Update(uint32(b), castagnoli, key), castagnoli, value)
}

// seal appends the checksum of the value that begins at start.
func seal(buf []byte, start int, b bucket, key []byte) []byte {
	return binary.BigEndian.AppendUint32(buf, checksum(b, key, buf[start:]))
}

// unseal returns the value without its checksum, if that matches.
func unseal(b bucket, key, stored []byte) (value []byte, err error) {
	end := len(stored) - sumLen
	if end < 0 || binary.BigEndian.Uint32(stored[end:]) != checksum(b, key, stored[:end]) {
		return nil, errChecksum
	}
	return stored[:end:end], nil
}
