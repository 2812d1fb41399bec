// Package store keeps what numwatch knows in one bbolt file: the rosters of the
// spaces, the log of events, alerts, messages, silences, conditions and checkpoints.
// A Commit is one transaction, and nothing else writes.
//
// Buckets (⌀ is a NUL byte; text(x) is a uvarint length and the bytes):
//
//	meta         format        "numwatch 1": the schema version
//	             epoch         6 of [a-z2-7], new at creation and after a restore; part of event ids
//	             tally         per bucket below: uvarint records, uvarint bytes of keys and values
//	rosters      account⌀id               → roster (codec.go)
//	homes        text(number) account⌀id  → empty: in which spaces a number is known
//	log          sequence, 8 bytes, big endian → event (event.go)
//	alerts       alert id                 → JSON
//	messages     message id               → JSON
//	conditions   text(account) text(space) text(number) text(part) field → JSON
//	checkpoints  name                     → the caller's bytes
//	silences     silence id               → JSON
//
// Account names hold no NUL; space ids and numbers may hold any byte. Binary
// values begin with a version byte and name the fields that they hold in a
// mask, so that what was written before a field existed still reads. Times come
// back in UTC. A file of a newer schema is refused.
package store
