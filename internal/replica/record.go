package replica

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// formatVersion is raised when an older numwatch could not apply what a newer one writes.
const formatVersion = 1

const (
	// maxChunk bounds the body of a record: NATS takes messages of a megabyte by default.
	maxChunk = 500 << 10
	// maxRedo bounds what a damaged record may decompress to.
	maxRedo = 1 << 30
)

// The kinds of records.
const (
	kindGenesis = "genesis" // the first record of a log
	kindTerm    = "term"    // begins a term, which has its sequence as its number
	kindCommit  = "commit"  // the body is redo, or a part of it
	kindBeat    = "beat"    // says that the leader is there
	kindRelease = "release" // gives up the right: the last act of an orderly stop
)

var (
	errRecord = errors.New("a record of the log cannot be decoded")
	errNewer  = errors.New("the log holds records of a newer numwatch: upgrade this one")
)

// header is the first line of a record, as JSON, so that people can read it with the tools of NATS.
type header struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"`
	Log     string `json:"log"`            // id of the log
	Term    uint64 `json:"term,omitempty"` // 0 in what begins one
	// Writer is the id of the replica and what tells its processes from each other: two that are
	// configured with the same id must not take each other's records for their own.
	Writer  string   `json:"writer"`
	Prev    string   `json:"prev,omitempty"` // hash of the record before
	Part    int      `json:"part,omitempty"` // from 1; 0: the record is whole
	Parts   int      `json:"parts,omitempty"`
	Genesis *genesis `json:"genesis,omitempty"`
	Member  *Member  `json:"member,omitempty"` // who leads, in a term
}

// genesis is what all stores of a log have in common.
type genesis struct {
	Epoch    string `json:"epoch"`
	Schema   int    `json:"schema"`
	Snapshot bool   `json:"snapshot,omitempty"` // the log continues a store that had something in it
	Events   uint64 `json:"events,omitempty"`   // the last sequence of that one's log of events
}

// Member is what a replica says of itself.
type Member struct {
	ID      string `json:"id"`
	URL     string `json:"url"` // of its HTTP API, for other replicas
	Version string `json:"version"`
	Digest  string `json:"digest"` // of its accounts and rules, which have to be the same everywhere
}

type hash [sha256.Size]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func hashOf(record []byte) hash { return sha256.Sum256(record) }

func encode(h *header, body []byte) ([]byte, error) {
	h.Version = formatVersion
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding a record of the log: %w", err)
	}
	return append(append(line, '\n'), body...), nil
}

func decode(record []byte) (h header, body []byte, err error) {
	line, body, ok := bytes.Cut(record, []byte{'\n'})
	if !ok || json.Unmarshal(line, &h) != nil {
		return header{}, nil, errRecord
	}
	if h.Version > formatVersion {
		return h, nil, fmt.Errorf("%w (format %d, known are those up to %d)", errNewer, h.Version, formatVersion)
	}
	return h, body, nil
}

// codec compresses the redo of a commit and cuts it into the bodies of records. It is for one
// goroutine at a time. DEFLATE is in the binary anyway; Zstandard would compress a little better, and add
// 700 kB to it.
type codec struct {
	packed  bytes.Buffer
	encoder *flate.Writer
	decoder io.ReadCloser
}

func newCodec() *codec {
	encoder, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is a known one
	return &codec{encoder: encoder, decoder: flate.NewReader(bytes.NewReader(nil))}
}

// bodies returns at least one. They are valid until the next call.
func (c *codec) bodies(redo []byte) (chunks [][]byte, err error) {
	c.packed.Reset()
	c.encoder.Reset(&c.packed)
	if _, err = c.encoder.Write(redo); err == nil {
		err = c.encoder.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("compressing a commit: %w", err)
	}
	packed := c.packed.Bytes()
	for len(packed) > maxChunk {
		chunks = append(chunks, packed[:maxChunk])
		packed = packed[maxChunk:]
	}
	return append(chunks, packed), nil
}

func (c *codec) redo(chunks [][]byte) ([]byte, error) {
	packed := bytes.NewReader(bytes.Join(chunks, nil))
	err := c.decoder.(flate.Resetter).Reset(packed, nil)
	var redo []byte
	if err == nil {
		redo, err = io.ReadAll(io.LimitReader(c.decoder, maxRedo))
	}
	if err == nil && packed.Len() > 0 {
		err = errors.New("there is data after its end")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRecord, err)
	}
	return redo, nil
}
