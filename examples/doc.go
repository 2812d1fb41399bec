// Package examples holds three small consumers of numwatch's events, to read and
// to copy: pauser keeps campaigns from numbers that should not send, tickets
// opens a ticket for each alert and closes it, archive writes every event to a
// file. They know of numwatch only what docs/events says, and use nats.go alone.
// The tests of this package run them against a real server and what the bot
// really publishes.
package examples
