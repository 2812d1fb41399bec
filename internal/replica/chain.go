package replica

import (
	"errors"
	"fmt"

	"numwatch/store"
)

var (
	// errDiverged: the log has another history than this store.
	errDiverged = errors.New("the store has records that the log does not have: others are in their places")
	// errOtherLog: the stream was deleted and created again.
	errOtherLog = errors.New("the stream holds a different log from the one that this store follows")
)

// chain follows the log record by record, and refuses what does not continue it.
type chain struct {
	log      string // id
	seq      uint64 // of the last record that was read
	hash     hash
	term     uint64
	leader   string // the writer of the term
	released bool   // the last record gave the right away
	// chunks are what was read of a commit whose other parts are still to come. If a term begins instead,
	// they are void: their writer was replaced between two of them.
	chunks [][]byte
}

// from continues behind a stored position.
func from(p store.Position) *chain {
	return &chain{log: p.Log, seq: p.Seq, hash: p.Hash}
}

// link is what a record means to a follower of the log.
type link struct {
	header header
	// Whole: the position may be stored. It is not where parts are still to come, so that a
	// replica which starts again reads them again.
	whole  bool
	chunks [][]byte // of a commit
}

// next takes the record after the last one.
func (c *chain) next(record []byte) (link, error) {
	h, body, err := decode(record)
	if err != nil {
		return link{}, fmt.Errorf("record %d: %w", c.seq+1, err)
	}
	if c.log != "" && h.Log != c.log {
		return link{}, fmt.Errorf("record %d: %w", c.seq+1, errOtherLog)
	}
	if c.seq > 0 && h.Prev != c.hash.String() || c.seq == 0 && h.Kind != kindGenesis {
		return link{}, fmt.Errorf("record %d: %w", c.seq+1, errDiverged)
	}
	l := link{header: h}
	switch {
	case h.Kind != kindCommit:
		c.chunks, l.whole = nil, true
	case h.Parts == 0:
		c.chunks, l.whole, l.chunks = nil, true, [][]byte{body}
	default:
		if h.Part != len(c.chunks)+1 {
			return link{}, fmt.Errorf("record %d: %w: part %d follows part %d", c.seq+1, errRecord, h.Part, len(c.chunks))
		}
		c.chunks = append(c.chunks, body)
		if l.whole = h.Part == h.Parts; l.whole {
			l.chunks, c.chunks = c.chunks, nil
		}
	}
	c.log, c.seq, c.hash = h.Log, c.seq+1, hashOf(record)
	c.released = h.Kind == kindRelease
	if h.Kind == kindTerm {
		c.term, c.leader = c.seq, h.Writer
	} else if h.Term > 0 {
		c.term, c.leader = h.Term, h.Writer
	}
	return l, nil
}

func (c *chain) position() store.Position {
	return store.Position{Log: c.log, Seq: c.seq, Hash: c.hash}
}
