package dbfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"

	bolt "go.etcd.io/bbolt"
)

// How bbolt lays out a page: a header with the flags, the number of elements, and, in the
// first two pages, its meta and that one's checksum. The elements of branches and leaves
// say where their keys begin, seen from themselves.
const (
	headerLen  = 16
	metaEnd    = 72
	flagsAt    = 8
	countAt    = 10
	elementLen = 16

	branchFlag = 0x01
	maxKeyLen  = 1 << 15 // bbolt takes no longer ones
)

// CheckPages finds what bbolt's own check does not look at, or cannot bear. A damaged
// meta page: bbolt takes the other one, which may be a commit older, and sequences
// would come twice. A branch that has another key for a page than that page begins with:
// the first write to the page would leave the branch with two entries for it, one of which
// leads to whatever comes there next. And pages that lead in a circle, which have no end.
func CheckPages(tx *bolt.Tx, file io.ReaderAt) error {
	p := pages{file, int64(tx.DB().Info().PageSize), map[int64]bool{}}
	for page := range int64(2) {
		meta, err := p.read(page*p.size+headerLen, metaEnd+8-headerLen)
		if err != nil {
			return err
		}
		sum := fnv.New64a()
		sum.Write(meta[:metaEnd-headerLen])
		if sum.Sum64() != binary.NativeEndian.Uint64(meta[metaEnd-headerLen:]) {
			return &Damage{fmt.Sprintf("page %d is damaged", page)}
		}
	}
	if _, err := p.firstKey(int64(tx.Cursor().Bucket().RootPage())); err != nil {
		return err
	}
	return tx.ForEach(func(_ []byte, b *bolt.Bucket) error {
		if b.RootPage() == 0 {
			return nil // it is stored within its entry
		}
		_, err := p.firstKey(int64(b.RootPage()))
		return err
	})
}

// pages reads the pages of a file.
type pages struct {
	file io.ReaderAt
	size int64
	seen map[int64]bool
}

func (p *pages) read(at, length int64) ([]byte, error) {
	data := make([]byte, length)
	if _, err := p.file.ReadAt(data, at); err != nil {
		return nil, &Damage{fmt.Sprintf("page %d: %v", at/p.size, err)}
	}
	return data, nil
}

// firstKey returns the key that a page begins with, nil if it is empty. In a branch each
// key must be that of the page it stands for.
func (p *pages) firstKey(page int64) (first []byte, err error) {
	if p.seen[page] {
		return nil, &Damage{fmt.Sprintf("page %d is referenced twice", page)}
	}
	p.seen[page] = true
	start := page * p.size
	header, err := p.read(start, headerLen)
	if err != nil {
		return nil, err
	}
	branch := binary.NativeEndian.Uint16(header[flagsAt:])&branchFlag != 0
	count := int64(binary.NativeEndian.Uint16(header[countAt:]))
	if !branch {
		count = min(count, 1)
	}
	elements, err := p.read(start+headerLen, count*elementLen)
	if err != nil {
		return nil, err
	}
	for i := range count {
		element := elements[i*elementLen:]
		position, length := element[4:], element[8:] // behind the flags
		if branch {
			position, length = element, element[4:] // and in front of the page
		}
		keyLen := int64(binary.NativeEndian.Uint32(length))
		if keyLen > maxKeyLen {
			return nil, &Damage{fmt.Sprintf("page %d: a key is too long", page)}
		}
		key, err := p.read(start+headerLen+i*elementLen+int64(binary.NativeEndian.Uint32(position)), keyLen)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = key
		}
		if !branch {
			break
		}
		child := int64(binary.NativeEndian.Uint64(element[8:]))
		begins, err := p.firstKey(child)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(begins, key) {
			return nil, &Damage{fmt.Sprintf("page %d does not begin with the key that page %d has for it", child, page)}
		}
	}
	return first, nil
}
