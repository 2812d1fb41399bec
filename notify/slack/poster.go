package slack

import (
	"context"
	"numwatch/notify/card"
	"time"
)

// Poster puts messages where people see them. Its errors are *PostError, or
// ErrNoHistory; any other counts as ambiguous. Implementations must be safe for
// concurrent use.
type Poster interface {
	// Resolve returns the id of a channel as the configuration names it.
	Resolve(ctx context.Context, channel string) (target string, err error)
	// Post sends a message, or a reply where Thread is set.
	Post(ctx context.Context, m Outgoing) (ts string, err error)
	// Update makes the message at ts read as m.
	Update(ctx context.Context, ts string, m Outgoing) error
	// Find looks for a message by its ID among those posted since about a time.
	Find(ctx context.Context, m Outgoing, since time.Time) (ts string, found bool, err error)
	// Searchable reports whether Find can look into a channel.
	Searchable(ctx context.Context, target string) (bool, error)
	// Pace is how fast calls may follow each other.
	Pace() Pace
}

// Outgoing is a message on its way.
type Outgoing struct {
	ID      string // opaque; found again by Find. "": not to be found
	Channel string // its name in rules.yaml
	Target  string // its id, from Resolve
	Thread  string // ts of the message that this one replies to
	Card    *card.Card
	Plain   bool // as text alone
}

// Pace is the least time between posts in one channel, and between edits in
// all channels together.
type Pace struct{ Post, Edit time.Duration }
