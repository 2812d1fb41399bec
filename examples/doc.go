// Package examples holds three small consumers of numwatch's events as templates: pauser keeps campaigns from numbers that should not send, tickets
// opens a ticket for each alert and closes it, archive writes every event to a
// file. They rely only on docs/events and nats.go.
// The tests of this package run them against a real server with the events of a
// real bot. A fourth program, forwarder, sends the vendor's push receipts to the bot.
package examples
