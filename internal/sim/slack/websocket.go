package slack

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// The kinds of WebSocket frames that matter here (RFC 6455).
const (
	textFrame  = 1
	closeFrame = 8
	pingFrame  = 9
	finished   = 0x80 // the frame is a whole message
	masked     = 0x80
	maxFrame   = 1 << 20 // bytes, of a message too
)

// websocket is the server's side of a connection.
type websocket struct {
	conn   net.Conn
	in     *bufio.Reader
	origin string     // where the server is reached
	mu     sync.Mutex // of writes
}

func upgrade(w http.ResponseWriter, r *http.Request) (*websocket, error) {
	key := r.Header.Get("Sec-Websocket-Key")
	if key == "" {
		http.Error(w, "this is a websocket", http.StatusUpgradeRequired)
		return nil, errors.New("no websocket was asked for")
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	return &websocket{conn: conn, in: buffered.Reader}, err
}

// write sends a whole message.
func (c *websocket) write(kind byte, message []byte) error {
	head := []byte{finished | kind}
	switch n := len(message); {
	case n < 126:
		head = append(head, byte(n))
	case n <= 0xffff:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(ackWithin)); err != nil {
		return err
	}
	_, err := c.conn.Write(append(head, message...))
	return err
}

// read returns the next text; control frames are passed over.
func (c *websocket) read() ([]byte, error) {
	var message []byte
	for {
		head, part, err := c.frame()
		if err != nil {
			return nil, err
		}
		switch kind := head &^ finished; {
		case kind == closeFrame:
			return nil, io.EOF
		case kind > closeFrame:
			continue
		case len(message)+len(part) > maxFrame:
			return nil, errors.New("a message that is too long")
		}
		if message = append(message, part...); head&finished != 0 {
			return message, nil
		}
	}
}

// frame reads one frame. Clients mask what they send.
func (c *websocket) frame() (kind byte, content []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := uint64(head[1] &^ masked)
	if extra := map[uint64]int{126: 2, 127: 8}[size]; extra > 0 {
		var long [8]byte
		if _, err := io.ReadFull(c.in, long[8-extra:]); err != nil {
			return 0, nil, err
		}
		size = binary.BigEndian.Uint64(long[:])
	}
	if head[1]&masked == 0 || size > maxFrame {
		return 0, nil, errors.New("a frame that is not masked, or too long")
	}
	content = make([]byte, 4+size)
	if _, err := io.ReadFull(c.in, content); err != nil {
		return 0, nil, err
	}
	mask, content := content[:4], content[4:]
	for i := range content {
		content[i] ^= mask[i%4]
	}
	return head[0], content, nil
}
