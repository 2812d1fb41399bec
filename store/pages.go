package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	bolt "go.etcd.io/bbolt"
)

// bbolt trusts page numbers, counts and lengths, and where one is wrong it
// leaves the mapped file, or runs in a circle, and takes the process with it.
// So before bbolt's own check, the tree is walked here by reading the file, with
// every bound checked. bbolt's format: each page, of one or more page sizes,
// begins with id (8), flags (2), count (2), overflow (4 bytes); then come
// elements of 16 bytes whose position counts from the element's own start:
//
//	branch: position (4), key size (4), page (8)
//	leaf:   flags (4), position (4), key size (4), value size (4)
//
// A bucket is a leaf's value: root page (8), sequence (8), and, if the root page
// is 0, a leaf page in place. All in the machine's byte order.
const (
	pageHeader = 16
	elementLen = 16
	bucketLen  = 16

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10

	bucketElement = 0x01

	noFreelist = ^uint64(0)
)

// maxProblems bounds what a check reports.
const maxProblems = 100

type pageWalk struct {
	file     io.ReaderAt
	pageSize uint64
	end      uint64 // the first page number behind the last
	seen     []uint64
	problems []string
}

// checkPages reads the whole file and returns what is wrong with its pages. The
// error is of reading.
func checkPages(db *bolt.DB, file *os.File) (problems []string, err error) {
	err = db.View(func(tx *bolt.Tx) error {
		// In order first: the disk's cache then serves the walk.
		if _, err := io.Copy(io.Discard, io.NewSectionReader(file, 0, tx.Size())); err != nil {
			return err
		}
		w := &pageWalk{file: file, pageSize: uint64(db.Info().PageSize)}
		w.end = uint64(tx.Size()) / w.pageSize
		w.seen = make([]uint64, w.end/64+1)
		root, freelist, err := w.meta(uint64(tx.ID()))
		if err != nil {
			return err
		}
		if freelist != noFreelist {
			w.page(freelist, freelistPage)
		}
		w.tree(root)
		problems = w.problems
		return nil
	})
	return problems, err
}

// meta reads where the tree and the list of free pages begin from the meta page
// that bbolt chose, which is that of the transaction.
func (w *pageWalk) meta(tx uint64) (root, freelist uint64, err error) {
	// Behind the page's header: magic, version, page size, flags (4 each), root,
	// sequence, freelist, end, transaction (8 each).
	const rootAt, freelistAt, txAt = 32, 48, 64
	for id := range uint64(2) {
		b := make([]byte, txAt+8)
		if _, err := w.file.ReadAt(b, int64(id*w.pageSize)); err != nil {
			return 0, 0, err
		}
		if u64(b, txAt) == tx {
			return u64(b, rootAt), u64(b, freelistAt), nil
		}
	}
	return 0, 0, fmt.Errorf("no meta page of transaction %d: is the file being written to?", tx)
}

func (w *pageWalk) problem(format string, args ...any) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, fmt.Sprintf(format, args...))
	}
}

// page reads a page that may have one of the kinds (flags); nil after a problem.
func (w *pageWalk) page(id uint64, kinds uint16) []byte {
	if id < 2 || id >= w.end {
		w.problem("page %d: there is none of this number, the last is %d", id, w.end-1)
		return nil
	}
	if w.seen[id/64]&(1<<(id%64)) != 0 {
		w.problem("page %d: it is referred to twice", id)
		return nil
	}
	w.seen[id/64] |= 1 << (id % 64)
	head := make([]byte, pageHeader)
	if !w.read(id, head) {
		return nil
	}
	self, flags, overflow := u64(head, 0), flagsOf(head), u32(head, 12)
	if self != id || flags&kinds == 0 || flags&(flags-1) != 0 || id+overflow >= w.end {
		w.problem("page %d: its header is damaged (page %d, flags %#x, %d pages more)", id, self, flags, overflow)
		return nil
	}
	page := make([]byte, (1+overflow)*w.pageSize)
	if !w.read(id, page) {
		return nil
	}
	return page
}

func (w *pageWalk) read(id uint64, b []byte) bool {
	if _, err := w.file.ReadAt(b, int64(id*w.pageSize)); err != nil {
		w.problem("page %d: %v", id, err)
		return false
	}
	return true
}

func (w *pageWalk) tree(id uint64) {
	page := w.page(id, branchPage|leafPage)
	switch {
	case page == nil:
	case flagsOf(page) == leafPage:
		w.leaf(id, page, false)
	default:
		w.branch(id, page)
	}
}

// elements calls do for each of a page's elements, with its position in page.
func (w *pageWalk) elements(id uint64, page []byte, do func(at uint64)) {
	count := countOf(page)
	if pageHeader+count*elementLen > uint64(len(page)) {
		w.problem("page %d: it cannot hold %d elements", id, count)
		return
	}
	for i := range count {
		do(pageHeader + i*elementLen)
	}
}

// inside reports whether size bytes at position, counted from the element, lie
// in the page.
func (w *pageWalk) inside(id uint64, page []byte, at, position, size uint64) bool {
	if at+position+size > uint64(len(page)) {
		w.problem("page %d: an element reaches out of the page", id)
		return false
	}
	return true
}

func (w *pageWalk) branch(id uint64, page []byte) {
	if countOf(page) == 0 {
		w.problem("page %d: a branch without elements", id)
	}
	w.elements(id, page, func(at uint64) {
		if w.inside(id, page, at, u32(page, at), u32(page, at+4)) {
			w.tree(u64(page, at+8))
		}
	})
}

func (w *pageWalk) leaf(id uint64, page []byte, inline bool) {
	w.elements(id, page, func(at uint64) {
		flags, position, key, value := u32(page, at), u32(page, at+4), u32(page, at+8), u32(page, at+12)
		if !w.inside(id, page, at, position, key+value) || flags&bucketElement == 0 {
			return
		}
		start := at + position + key
		w.bucket(id, page[start:start+value], inline)
	})
}

func (w *pageWalk) bucket(id uint64, value []byte, inline bool) {
	if len(value) < bucketLen || inline {
		w.problem("page %d: a bucket's record is damaged", id)
		return
	}
	if root := u64(value, 0); root != 0 {
		w.tree(root)
		return
	}
	page := value[bucketLen:]
	if len(page) < pageHeader || flagsOf(page) != leafPage {
		w.problem("page %d: a bucket inside is damaged", id)
		return
	}
	w.leaf(id, page, true)
}

func flagsOf(page []byte) uint16 { return binary.NativeEndian.Uint16(page[8:]) }

func countOf(page []byte) uint64 { return uint64(binary.NativeEndian.Uint16(page[10:])) }

func u32(b []byte, at uint64) uint64 { return uint64(binary.NativeEndian.Uint32(b[at:])) }

func u64(b []byte, at uint64) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
