package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

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
