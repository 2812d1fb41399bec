package slack

import (
	"context"
	"time"

	"numwatch/notify/card"
)

// Poster puts messages where people see them. Its errors are *PostError; after
// any other the outcome counts as unknown. Implementations must be safe for
// concurrent use.
type Poster interface {
	// Resolve returns the id of a channel as the configuration names it. It fails
	// where messages that were posted there could not be found again.
	Resolve(ctx context.Context, channel string) (target string, err error)
	// Post sends a message, or a reply where Thread is set.
	Post(ctx context.Context, m Outgoing) (ts string, err error)
	// Update makes the message at ts read as m.
	Update(ctx context.Context, ts string, m Outgoing) error
	// Find returns the ts of those messages that were posted.
	Find(ctx context.Context, q Query) (ts map[string]string, err error)
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

// Query asks which messages were posted.
type Query struct {
	Channel string
	Target  string
	Thread  string // they are replies there, if set
	IDs     []string
	Since   time.Time // about when the first of them may have been posted
}

// Pace is the least time between posts in one channel, and between edits in
// all channels together.
type Pace struct{ Post, Edit time.Duration }
