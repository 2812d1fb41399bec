// Package hints takes hints: "look at this space (or number) now". They come by HTTP,
// by NATS and as the vendor's own push receipts. A hint causes a poll and never a
// change, so a forged one raises no alert. Hints are not stored: regular polling
// finds what a lost one would have. It imports phone, alert and web/api; the bot
// hands requests, messages and the pollers to it.
package hints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"numwatch/alert"
	"numwatch/phone"
)

// Hint names what to look at: a space, or a number whose spaces are looked up.
type Hint struct {
	Account string `json:"account,omitempty"` // "": whichever has the space or number
	Space   string `json:"space,omitempty"`
	Number  string `json:"number,omitempty"`
	Reason  string `json:"reason,omitempty"` // hints of one space with the same number and reason are duplicates
}

// Answer says what became of hints.
type Answer struct {
	Accepted int `json:"accepted"`
	Unknown  int `json:"unknown"` // of spaces and numbers that are not watched
}

const (
	maxHints = 1000 // in one request
	maxBytes = 256 << 10
	maxText  = 200 // bytes of an account, space or number
	maxAbout = 120 // characters by which hints are told apart
)

// Parse reads one hint or a list of them.
func Parse(body []byte) ([]Hint, error) {
	var list []Hint
	var err error
	if isList(body) {
		err = decode(body, &list)
	} else {
		list = make([]Hint, 1)
		err = decode(body, &list[0])
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("neither a hint nor a list of hints: %w", err)
	case len(list) > maxHints:
		return nil, fmt.Errorf("%d hints are too many: at most %d in a request", len(list), maxHints)
	}
	for i := range list {
		if err := list[i].check(); err != nil {
			return nil, fmt.Errorf("hint %d: %w", i+1, err)
		}
	}
	return list, nil
}

func isList(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) }

func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more data follows it")
	}
	return nil
}

func (h *Hint) check() error {
	h.Number = phone.Digits(h.Number)
	for _, text := range []string{h.Account, h.Space, h.Number} {
		if len(text) > maxText {
			return fmt.Errorf("account, space and number have at most %d bytes", maxText)
		}
	}
	if h.Space == "" && h.Number == "" {
		return errors.New("space or number is needed")
	}
	return nil
}

// about tells hints of one space apart.
func (h *Hint) about() string { return alert.Cut(h.Number+" "+h.Reason, maxAbout) }
