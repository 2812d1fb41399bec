package replica

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// scribe writes a log in memory.
type scribe struct {
	t     *testing.T
	codec *codec
	chain *chain
	log   [][]byte
}

func newScribe(t *testing.T) *scribe {
	s := &scribe{t: t, codec: newCodec(), chain: &chain{log: "log"}}
	s.add(header{Kind: kindGenesis}, nil)
	return s
}

// add appends a record behind the last one.
func (s *scribe) add(h header, body []byte) {
	s.t.Helper()
	h.Log, h.Writer = "log", "a/1"
	if s.chain.seq > 0 {
		h.Prev = s.chain.hash.String()
	}
	record, err := encode(&h, body)
	require.NoError(s.t, err)
	_, err = s.chain.next(record)
	require.NoError(s.t, err)
	s.log = append(s.log, record)
}

func (s *scribe) commit(redo []byte, parts int) {
	bodies := must(s.codec.bodies(redo))
	for i, body := range bodies[:min(parts, len(bodies))] {
		h := header{Kind: kindCommit}
		if len(bodies) > 1 {
			h.Part, h.Parts = i+1, len(bodies)
		}
		s.add(h, body)
	}
}

// read returns the redo of the whole log, and the positions that a replica would store.
func (s *scribe) read() (redos [][]byte, positions []uint64) {
	s.t.Helper()
	c := &chain{log: "log"}
	for _, record := range s.log {
		l, err := c.next(record)
		require.NoError(s.t, err)
		if l.chunks != nil {
			redo, err := s.codec.redo(l.chunks)
			require.NoError(s.t, err)
			redos = append(redos, redo)
		}
		if l.whole {
			positions = append(positions, c.seq)
		}
	}
	require.Equal(s.t, s.chain.hash, c.hash)
	return redos, positions
}

// noise does not compress.
func noise(n int) []byte {
	c := rand.NewChaCha8(sha256.Sum256([]byte("seed")))
	b := make([]byte, n)
	_, _ = c.Read(b) // it never fails
	return b
}

// A commit that is larger than a record is applied with its last part, or not at all.
func TestCommitInParts(t *testing.T) {
	s := newScribe(t)
	small, large := []byte("small"), noise(3<<20)
	s.commit(small, 100)
	s.commit(large, 100)
	parts := len(s.log) - 2
	require.Greater(t, parts, 6)
	for _, record := range s.log {
		require.LessOrEqual(t, len(record), 512<<10)
	}
	redos, positions := s.read()
	require.Equal(t, [][]byte{small, large}, redos)
	require.Equal(t, []uint64{1, 2, uint64(len(s.log))}, positions, "none in the middle is stored")
}

func TestTermVoidsPartsOfTheOneBefore(t *testing.T) {
	s := newScribe(t)
	s.commit(noise(3<<20), 3)
	s.add(header{Kind: kindTerm}, nil)
	s.commit([]byte("new"), 1)
	redos, positions := s.read()
	require.Equal(t, [][]byte{[]byte("new")}, redos)
	require.Equal(t, []uint64{1, 5, 6}, positions)
	require.EqualValues(t, 5, s.chain.term)
	require.Equal(t, "a", memberOf(s.chain.leader))
}

func TestReleaseIsTheLastWord(t *testing.T) {
	s := newScribe(t)
	s.add(header{Kind: kindTerm}, nil)
	s.add(header{Kind: kindRelease, Term: 2}, nil)
	require.True(t, s.chain.released)
	s.add(header{Kind: kindTerm}, nil)
	require.False(t, s.chain.released)
}

func TestChainRefusesWhatDoesNotContinueIt(t *testing.T) {
	s := newScribe(t)
	s.commit([]byte("x"), 1)
	record := func(h header) []byte {
		h.Log = "log"
		b, err := encode(&h, nil)
		require.NoError(t, err)
		return b
	}
	last := s.chain.hash.String()
	for name, c := range map[string]struct {
		record []byte
		want   error
	}{
		"another history": {record(header{Kind: kindBeat, Prev: hashOf([]byte("x")).String()}), errDiverged},
		"another log":     {line(t, "other", last), errOtherLog},
		"no record":       {[]byte("nonsense"), errRecord},
		"a newer format":  {[]byte(`{"v":2,"kind":"merge","log":"log"}` + "\n"), errNewer},
		"a part too many": {record(header{Kind: kindCommit, Prev: last, Part: 2, Parts: 3}), errRecord},
	} {
		before := *s.chain
		_, err := s.chain.next(c.record)
		require.ErrorIs(t, err, c.want, name)
		require.Equal(t, before, *s.chain, "what is refused changes nothing")
	}
	empty := &chain{}
	_, err := empty.next(line(t, "log", ""))
	require.ErrorIs(t, err, errDiverged, "a log begins with its genesis")
}

func TestDamagedBodyIsAnError(t *testing.T) {
	s := newScribe(t)
	redo := bytes.Repeat([]byte("numwatch"), 100)
	packed := bytes.Clone(must(s.codec.bodies(redo))[0])
	for _, bad := range [][]byte{packed[:len(packed)-1], append(bytes.Clone(packed), 'x'), {}} {
		_, err := s.codec.redo([][]byte{bad})
		require.ErrorIs(t, err, errRecord)
	}
	require.Equal(t, redo, must(s.codec.redo([][]byte{packed})))
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"commit","log":"l","writer":"a/1","prev":"00","part":1,"parts":2}` + "\nbody"))
	f.Fuzz(func(_ *testing.T, record []byte) {
		c := &chain{log: "l", seq: 1}
		_, _ = c.next(record)
	})
}
