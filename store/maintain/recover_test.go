package maintain_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
)

// recoverArgument makes the test binary a process that recovers a store.
const recoverArgument = "recover-store"

// usedPages returns the pages in use whose first key has the prefix, by kind.
func usedPages(t *testing.T, path, prefix string) (leaves, branches []int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	require.NoError(t, err)
	require.NoError(t, db.View(func(tx *bolt.Tx) error {
		for id := 2; id < int(tx.Size())/os.Getpagesize(); id++ {
			info, err := tx.Page(id)
			require.NoError(t, err)
			page := data[id*os.Getpagesize():]
			element := headerSize
			if info.Type == "leaf" {
				element += 4
			}
			at := headerSize + int(binary.NativeEndian.Uint32(page[element:]))
			if info.Count == 0 || !bytes.HasPrefix(page[min(at, len(page)):], []byte(prefix)) {
				continue
			}
			switch info.Type {
			case "leaf":
				leaves = append(leaves, id)
			case "branch":
				branches = append(branches, id)
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
	return leaves, branches
}

// change alters pages of a file, and returns how many elements were on them.
func change(t *testing.T, path string, pages []int, alter func(page []byte)) (elements int) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, id := range pages {
		page := data[id*os.Getpagesize() : (id+1)*os.Getpagesize()]
		elements += int(binary.NativeEndian.Uint16(page[10:]))
		alter(page)
	}
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return elements
}

func zero(page []byte) { clear(page) }

// requireRecovered recovers the store, and requires that the new one is sound and the damaged
// file is still there.
func requireRecovered(t *testing.T, path string) (done string, s *store.Store) {
	t.Helper()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	done, err = verifier(t).Recover(t.Context(), path)
	require.NoError(t, err)
	require.NotEmpty(t, done)
	kept, err := filepath.Glob(path + ".damaged-*Z")
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, done, kept[0])
	after, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after))
	require.NoFileExists(t, path+".recovering")
	require.NoFileExists(t, path+".older")
	require.Empty(t, check(t, path).Problems)
	s = open(t, path)
	text, err := s.Checkpoint(store.RecoveredCheckpoint)
	require.NoError(t, err)
	require.Equal(t, done, string(text))
	return done, s
}

func spacesIn(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	require.NoError(t, s.Spaces(func(phone.SpaceKey) bool {
		n++
		return true
	}))
	return n
}

// Damaged pages cost what stands on them, also where there are several in one bucket.
func TestRecoverLosesOnlyWhatIsOnDamagedPages(t *testing.T) {
	path, _ := sample(t)
	require.NoError(t, os.Chmod(path, 0o640))
	leaves, _ := usedPages(t, path, "main\x00")
	require.Greater(t, len(leaves), 10)
	lost := change(t, path, []int{leaves[2], leaves[5], leaves[len(leaves)-3]}, zero)
	require.NoError(t, os.Chmod(path, 0o640))
	done, s := requireRecovered(t, path)
	require.Equal(t, 400-lost, spacesIn(t, s))
	require.Equal(t, uint64(400), s.LastSeq())
	require.Contains(t, done, "not all of spaces could be. Spaces that are lost are seen as if for the first time.")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o640), info.Mode())
}

// Notices stand in the places of lost events, and the ids of events are new ones.
func TestRecoverOfTheLog(t *testing.T) {
	path, _ := sample(t)
	s := open(t, path)
	epoch := s.Epoch()
	require.NoError(t, s.Close())
	leaves, _ := usedPages(t, path, "\x00\x00\x00\x00\x00\x00")
	lost := change(t, path, leaves[3:5], zero)
	done, s := requireRecovered(t, path)
	require.NotEqual(t, epoch, s.Epoch())
	require.Equal(t, 400, spacesIn(t, s))
	events, err := s.ReadLog(1, 1000)
	require.NoError(t, err)
	require.Len(t, events, 400)
	notices := 0
	for i, e := range events {
		require.Equal(t, uint64(i+1), e.Seq)
		if e.Kind == alert.KindBot {
			require.Equal(t, "record-damaged", e.Notice.Kind)
			notices++
		}
	}
	require.Equal(t, lost, notices)
	require.Regexp(t, `Lost for certain: [0-9]+ events\.`, done)
}

func TestRecoverOfABranch(t *testing.T) {
	for name, alter := range map[string]func(page []byte){
		"zeroed": zero,
		"leading to itself": func(page []byte) {
			for i := range int(binary.NativeEndian.Uint16(page[10:])) {
				copy(page[headerSize+16*i+8:][:8], page[:8])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := sample(t)
			_, branches := usedPages(t, path, "main\x00")
			require.Len(t, branches, 1)
			change(t, path, branches, alter)
			_, s := requireRecovered(t, path)
			require.Zero(t, spacesIn(t, s))
			require.Equal(t, uint64(400), s.LastSeq())
		})
	}
}

func TestRecoverOfAFileWithoutABeginning(t *testing.T) {
	path, data := sample(t)
	for name, damaged := range map[string][]byte{
		"both first pages": append(make([]byte, 2*os.Getpagesize()), data[2*os.Getpagesize():]...),
		"all":              make([]byte, len(data)),
		"the end":          data[:2*os.Getpagesize()+7],
	} {
		t.Run(name, func(t *testing.T) {
			path := path + name
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			done, s := requireRecovered(t, path)
			require.Contains(t, done, "None of it could be read")
			require.Zero(t, spacesIn(t, s))
			require.Zero(t, s.LastSeq())
		})
	}
}

func TestRecoverOfHalfAFile(t *testing.T) {
	path, data := sample(t)
	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	requireRecovered(t, path)
}

// The page that leads to everything is one that each commit replaces: what it was before is
// still there. And where bbolt itself goes back by a commit, that is damage as well:
// sequences would come twice.
func TestRecoverReadsWhatWasBeforeTheLastCommit(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string, meta, root int){
		"root": func(t *testing.T, path string, _, root int) { change(t, path, []int{root}, zero) },
		"meta": func(t *testing.T, path string, meta, _ int) { change(t, path, []int{meta}, zero) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "numwatch.db")
			s := open(t, path)
			fill(t, s)
			epoch := s.Epoch()
			require.NoError(t, s.Commit(&store.Commit{Events: []alert.Event{
				{Seq: 401, Time: noon, Kind: alert.KindBot, Notice: &alert.Notice{Kind: "stop", Text: "stopped"}},
			}}))
			require.NoError(t, s.Close())
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			field := func(meta, at int) int {
				return int(binary.NativeEndian.Uint64(data[meta*os.Getpagesize()+headerSize+at:]))
			}
			newest := 0
			if field(1, 48) > field(0, 48) { // the transaction
				newest = 1
			}
			damage(t, path, newest, field(newest, 16))
			_, s = requireRecovered(t, path)
			require.Equal(t, 400, spacesIn(t, s))
			require.GreaterOrEqual(t, s.LastSeq(), uint64(400))
			require.NotEqual(t, epoch, s.Epoch())
		})
	}
}

// bbolt's own check does not see that a branch has another key for a page than that page
// begins with, and the next write to the page would destroy the file.
func TestRecoverOfABranchWithAnotherKey(t *testing.T) {
	path, _ := sample(t)
	_, branches := usedPages(t, path, "\x0d86138") // of the index
	require.Len(t, branches, 1)
	change(t, path, branches, func(page []byte) {
		at := bytes.LastIndex(page, []byte("main"))
		require.Positive(t, at)
		page[at]-- // behind the number, so that the order stays
	})
	done, s := requireRecovered(t, path)
	require.Contains(t, done, "does not begin with the key")
	require.Equal(t, 400, spacesIn(t, s))
}

// The check would list every page that a page claims to be long.
func TestRecoverOfAPageThatClaimsToBeLongerThanTheFile(t *testing.T) {
	path, _ := sample(t)
	leaves, _ := usedPages(t, path, "main\x00")
	change(t, path, leaves[:1], func(page []byte) { binary.NativeEndian.PutUint32(page[12:], 1<<30) })
	_, s := requireRecovered(t, path)
	require.Equal(t, 400, spacesIn(t, s))
}

// At whatever moment a recovery is killed, there is a store, and the next one works.
func TestRecoverAfterAKill(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	original, _ := sample(t)
	leaves, _ := usedPages(t, original, "main\x00")
	lost := change(t, original, leaves[:1], zero)
	damaged, err := os.ReadFile(original)
	require.NoError(t, err)
	for i := range 12 {
		path := filepath.Join(t.TempDir(), "numwatch.db")
		require.NoError(t, os.WriteFile(path, damaged, 0o600))
		killed := exec.Command(self, recoverArgument, path)
		require.NoError(t, killed.Start())
		time.Sleep(time.Duration(i) * 25 * time.Millisecond)
		require.NoError(t, killed.Process.Kill())
		_ = killed.Wait()
		require.FileExists(t, path)
		require.Eventually(t, func() bool { // its own processes may hold the lock for a moment
			_, err = verifier(t).Recover(t.Context(), path)
			return err == nil && len(check(t, path).Problems) == 0
		}, 20*time.Second, 10*time.Millisecond, "%v", err)
		require.Equal(t, 400-lost, spacesIn(t, open(t, path)))
		kept, err := filepath.Glob(path + ".damaged-*Z")
		require.NoError(t, err)
		require.NotEmpty(t, kept)
		for _, file := range kept {
			after, err := os.ReadFile(file)
			require.NoError(t, err)
			require.True(t, bytes.Equal(damaged, after))
		}
	}
}

// What is no damaged store, or is in use, stays as it is.
func TestRecoverLeavesEverythingElseAlone(t *testing.T) {
	sound, data := sample(t)
	dir := t.TempDir()
	text, foreign, inUse := filepath.Join(dir, "text"), filepath.Join(dir, "other.db"), filepath.Join(dir, "used.db")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("numwatch: no store\n", 1000)), 0o600))
	db, err := bolt.Open(foreign, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("x")); return err }))
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(inUse, data, 0o600))
	leaves, _ := usedPages(t, inUse, "main\x00")
	open(t, inUse)
	change(t, inUse, leaves[:1], zero)
	for _, path := range []string{sound, text, foreign, inUse} {
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		done, err := verifier(t).Recover(t.Context(), path)
		require.NoError(t, err)
		require.Empty(t, done)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, slices.Equal(before, after), path)
	}
	done, err := verifier(t).Recover(t.Context(), filepath.Join(dir, "none.db"))
	require.NoError(t, err)
	require.Empty(t, done)
	require.NoFileExists(t, filepath.Join(dir, "none.db"))
}

func TestReadable(t *testing.T) {
	path, _ := sample(t)
	leaves, _ := usedPages(t, path, "main\x00")
	lost := change(t, path, leaves[1:2], zero)
	readable, err := verifier(t).Readable(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"spaces": 400 - lost, "log": 400}, readable)
}
