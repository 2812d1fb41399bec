package maintain_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"numwatch/alert"
	"numwatch/phone"
	"numwatch/store"
	"numwatch/store/maintain"
)

// verifyArgument makes the test binary the process of a Verifier.
const verifyArgument = "verify-store"

func TestMain(m *testing.M) {
	if len(os.Args) >= 3 && os.Args[1] == verifyArgument {
		if err := maintain.Verify(os.Args[len(os.Args)-1], os.Args[2], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == recoverArgument {
		_, err := maintain.Verifier{os.Args[0], verifyArgument}.Recover(context.Background(), os.Args[2])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func verifier(t *testing.T) maintain.Verifier {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return maintain.Verifier{self, verifyArgument}
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func space(id string) phone.SpaceKey { return phone.SpaceKey{Account: "main", ID: id} }

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// fill commits spaces and events that take many pages.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	c := &store.Commit{}
	for i := range 400 {
		n := phone.Number{PhoneNumber: fmt.Sprintf("8613800%06d", i)}
		n.Set(phone.Status, "CONNECTED")
		n.Set(phone.VerifiedName, strings.Repeat(fmt.Sprint(i), 30))
		k := space(fmt.Sprint(i))
		c.SpaceStates = append(c.SpaceStates, phone.SpaceState{Space: k, At: noon, Numbers: []phone.TrackedNumber{{Number: n}}})
		change := phone.Change{Subject: phone.SubjectOf(k, n.PhoneNumber), Field: phone.Status, New: "CONNECTED", SeenAt: noon, Number: &n}
		c.Events = append(c.Events, alert.Event{Seq: uint64(i + 1), Time: noon, Kind: alert.KindChange, Change: change})
	}
	require.NoError(t, s.Commit(c))
}

// sample is the file of a store, without the room to grow that a store has.
func sample(t *testing.T) (path string, data []byte) {
	t.Helper()
	s := open(t, filepath.Join(t.TempDir(), "numwatch.db"))
	fill(t, s)
	var backup bytes.Buffer
	_, err := s.Backup(&backup)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(path, backup.Bytes(), 0o600))
	return path, backup.Bytes()
}

func check(t *testing.T, path string) store.Report {
	t.Helper()
	report, err := verifier(t).Check(t.Context(), path)
	require.NoError(t, err)
	return report
}

func TestCheckOfASoundStore(t *testing.T) {
	path, _ := sample(t)
	report := check(t, path)
	require.Empty(t, report.Problems)
	require.Equal(t, []int{400, 400, 400}, []int{report.Spaces, report.Numbers, report.Events})
	require.Equal(t, uint64(400), report.LastSeq)
}

// Bytes that rot in the file are found, or do no harm; this process lives on.
// Headers of pages are hit more often than their share: what bbolt trusts stands
// there.
func TestCheckFindsFlippedBytes(t *testing.T) {
	path, data := sample(t)
	chance := rand.New(rand.NewPCG(5, 1))
	const rounds = 40
	found := 0
	for range rounds {
		rotten := slices.Clone(data)
		at := chance.IntN(len(rotten))
		if chance.IntN(2) == 0 {
			at = at&^4095 + chance.IntN(40)
		}
		rotten[at] ^= byte(1 << chance.IntN(8))
		require.NoError(t, os.WriteFile(path, rotten, 0o600))
		report, err := verifier(t).Check(t.Context(), path)
		if err != nil || !report.OK() {
			found++
			require.NotContains(t, fmt.Sprint(err), "lock")
		}
	}
	require.Positive(t, found)
}

// Page headers, as bbolt writes them: number (8 bytes), flags (2), count (2),
// overflow (4), and then elements of 16 bytes, in a branch with the page they
// refer to in the last 8.
const (
	headerSize = 16
	branchPage = 0x01
)

// branches returns where the branch pages are that have elements.
func branches(data []byte) (at []int) {
	size := os.Getpagesize()
	for p := 2 * size; p+size <= len(data); p += size {
		id, flags, count := binary.NativeEndian.Uint64(data[p:]), binary.NativeEndian.Uint16(data[p+8:]), binary.NativeEndian.Uint16(data[p+10:])
		if id == uint64(p/size) && flags == branchPage && count > 0 {
			at = append(at, p)
		}
	}
	return at
}

// A page that is its own ancestor has no end, and one that is not in the file
// cannot be read: neither harms the process that asks.
func TestCheckSurvivesWrongPageNumbers(t *testing.T) {
	path, data := sample(t)
	for name, page := range map[string]func(at int) uint64{
		"circle":          func(at int) uint64 { return uint64(at / os.Getpagesize()) },
		"behind the file": func(int) uint64 { return 1 << 40 },
	} {
		damaged := 0
		for _, at := range branches(data) {
			wrong := slices.Clone(data)
			binary.NativeEndian.PutUint64(wrong[at+headerSize+8:], page(at))
			require.NoError(t, os.WriteFile(path, wrong, 0o600))
			if report := check(t, path); !report.OK() {
				damaged++
			}
		}
		require.Positive(t, damaged, name)
	}
}

func TestCheckOfAShortFile(t *testing.T) {
	path, data := sample(t)
	require.NoError(t, os.WriteFile(path, data[:len(data)/3], 0o600))
	report := check(t, path)
	require.False(t, report.OK())
}

func TestCompact(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "real.db")
	s := open(t, path)
	fill(t, s)
	require.NoError(t, s.Commit(&store.Commit{Checkpoints: map[string][]byte{"big": make([]byte, 1<<20)}}))
	require.NoError(t, s.Commit(&store.Commit{Checkpoints: map[string][]byte{"big": nil}}))
	epoch := s.Epoch()
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, os.WriteFile(path+".compact", []byte("left behind by a crash"), 0o600))
	link := filepath.Join(dir, "link.db")
	require.NoError(t, os.Symlink(path, link))

	before, after, err := verifier(t).Compact(t.Context(), link)
	require.NoError(t, err)
	require.Less(t, after, before)
	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, after, info.Size())
	require.Equal(t, os.FileMode(0o640), info.Mode())
	info, err = os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&os.ModeSymlink)
	require.NoFileExists(t, path+".compact")
	require.Empty(t, check(t, link).Problems)

	s = open(t, link)
	require.Equal(t, epoch, s.Epoch())
	require.Equal(t, uint64(400), s.LastSeq())
	state, err := s.SpaceState(space("7"))
	require.NoError(t, err)
	require.Len(t, state.Numbers, 1)
}

func TestCompactRejectsADamagedStore(t *testing.T) {
	path, data := sample(t)
	wrong := slices.Clone(data)
	for _, at := range branches(data) {
		binary.NativeEndian.PutUint64(wrong[at+headerSize+8:], uint64(at/os.Getpagesize()))
	}
	require.NoError(t, os.WriteFile(path, wrong, 0o600))
	_, _, err := verifier(t).Compact(t.Context(), path)
	require.ErrorContains(t, err, "it is damaged")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, wrong, after)
}

func TestRestore(t *testing.T) {
	backup, _ := sample(t)
	path := filepath.Join(t.TempDir(), "numwatch.db")
	present := open(t, path)
	_, err := verifier(t).Restore(t.Context(), path, backup)
	require.ErrorIs(t, err, store.ErrLocked)
	require.NoError(t, present.Close())

	done, err := verifier(t).Restore(t.Context(), path, backup)
	require.NoError(t, err)
	require.FileExists(t, done.Aside)
	require.NoFileExists(t, path+".restoring")
	s := open(t, path)
	require.Equal(t, done.Epoch, s.Epoch())
	require.NotEqual(t, open(t, backup).Epoch(), s.Epoch())
	require.Equal(t, uint64(400), s.LastSeq())
	require.NoError(t, s.Close())

	_, err = verifier(t).Restore(t.Context(), path, filepath.Join(t.TempDir(), "none.db"))
	require.ErrorContains(t, err, "no such file")
}

// A bot that starts while a store is replaced must not find that there is none.
func TestRestoreNeverLeavesAMomentWithoutAStore(t *testing.T) {
	backup, _ := sample(t)
	path := filepath.Join(t.TempDir(), "numwatch.db")
	require.NoError(t, open(t, path).Close())
	seen, err := fsnotify.NewBufferedWatcher(1000)
	require.NoError(t, err)
	require.NoError(t, seen.Add(filepath.Dir(path)))
	done, err := verifier(t).Restore(t.Context(), path, backup)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".end", nil, 0o600))
	replaced := false
	for e := range seen.Events {
		if e.Name == path+".end" {
			break
		}
		if e.Name == path {
			replaced = replaced || e.Has(fsnotify.Create)
			require.False(t, e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename), "%s", e)
		}
	}
	require.True(t, replaced)
	require.NoError(t, seen.Close())
	require.FileExists(t, done.Aside)
}

// A restore that was killed before the backup was in place can be repeated.
func TestRestoreAfterAnInterruptedOne(t *testing.T) {
	backup, _ := sample(t)
	path := filepath.Join(t.TempDir(), "numwatch.db")
	require.NoError(t, open(t, path).Close())
	require.NoError(t, os.Link(path, path+".before-restore"))
	require.NoError(t, os.WriteFile(path+".restoring", []byte("half"), 0o600))
	done, err := verifier(t).Restore(t.Context(), path, backup)
	require.NoError(t, err)
	require.FileExists(t, done.Aside)
	require.Equal(t, done.Epoch, open(t, path).Epoch())
	_, err = verifier(t).Restore(t.Context(), path+"x", backup)
	require.NoError(t, err)
}

func TestRestoreRejectsADamagedBackup(t *testing.T) {
	backup, data := sample(t)
	require.NoError(t, os.WriteFile(backup, data[:len(data)/3], 0o600))
	path := filepath.Join(t.TempDir(), "numwatch.db")
	_, err := verifier(t).Restore(t.Context(), path, backup)
	require.ErrorIs(t, err, maintain.ErrDamaged)
	require.NoFileExists(t, path)
}

func TestOnlyAStoreThatNobodyHasOpen(t *testing.T) {
	dir := t.TempDir()
	missing, foreign, locked := filepath.Join(dir, "none.db"), filepath.Join(dir, "text"), filepath.Join(dir, "locked.db")
	require.NoError(t, os.WriteFile(foreign, []byte(strings.Repeat("not a store\n", 1000)), 0o600))
	open(t, locked)
	for path, want := range map[string]string{missing: "no such file", foreign: "not a numwatch store", locked: "HTTP API"} {
		_, err := verifier(t).Check(t.Context(), path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
		_, _, err = verifier(t).Compact(t.Context(), path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, path)
	}
	require.NoFileExists(t, missing)
}
