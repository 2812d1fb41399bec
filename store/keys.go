package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"numwatch/phone"
)

// table is one of the buckets whose records are counted.
type table int

// The tables, in the order of the tally: append, never reorder.
const (
	rosters table = iota
	homes
	eventLog
	alerts
	messages
	conditions
	checkpoints
	silences
	tableCount
)

const metaBucket = "meta"

func (t table) String() string {
	return [tableCount]string{"rosters", "homes", "log", "alerts", "messages", "conditions", "checkpoints", "silences"}[t]
}

func (t table) name() []byte { return []byte(t.String()) }

var errKey = errors.New("key is damaged")

func appendSpaceKey(b []byte, k phone.SpaceKey) []byte {
	b = append(b, k.Account...)
	b = append(b, 0)
	return append(b, k.ID...)
}

func parseSpaceKey(b []byte) (phone.SpaceKey, error) {
	account, id, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return phone.SpaceKey{}, fmt.Errorf("space %q: %w", b, errKey)
	}
	return phone.SpaceKey{Account: string(account), ID: string(id)}, nil
}

// checkAccount keeps out a name that would make keys ambiguous.
func checkAccount(k phone.SpaceKey) error {
	if strings.IndexByte(k.Account, 0) >= 0 {
		return fmt.Errorf("space %q: an account's name cannot hold a NUL byte", k)
	}
	return nil
}

func homesPrefix(phoneNumber string) []byte {
	return appendText(make([]byte, 0, len(phoneNumber)+64), phoneNumber)
}

func homeKey(phoneNumber string, k phone.SpaceKey) []byte {
	return appendSpaceKey(homesPrefix(phoneNumber), k)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func parseSeqKey(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("log record %x: %w", b, errKey)
	}
	return binary.BigEndian.Uint64(b), nil
}

func conditionKey(c *phone.Condition) []byte {
	return append(appendSubject(nil, c.Subject), fieldCode(c.Field))
}
