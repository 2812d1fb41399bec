// Package store holds what numwatch knows in one bbolt file: the states of the
// spaces, the log of events, alerts, messages, silences, conditions and
// checkpoints. A Commit is one transaction, and nothing else writes; with
// replicas it is prepared, put in their log, and applied by each of them. It imports
// phone and alert; internal/watch commits, and internal/view, notify and the
// commands read.
//
// Buckets (⌀ is a NUL byte; text(x) is a uvarint length and the bytes):
//
//	meta         format        "numwatch 1": the schema version
//	             epoch         6 of [a-z2-7], new at creation and after a restore; part of event ids
//	             position      where a replica is in the log of its set (redo.go); not there without replicas
//	spaces       account⌀id               → phone.SpaceState (state.go)
//	numbers      text(number) account⌀id  → empty: the index of the spaces in which a number is known
//	gone         the same                 → empty: those in which it was, and is no more
//	log          sequence, 8 bytes, big endian → event (event.go)
//	alerts       alert id                 → JSON
//	messages     message id               → JSON
//	conditions   text(account) text(space) text(number) text(component) field → JSON
//	checkpoints  name                     → the caller's bytes
//	silences     silence id               → JSON
//	damaged      bucket⌀key               → a damaged record, as it was
//
// Every value but those in damaged ends with a CRC-32C of its bucket, key and
// bytes (keys.go). Readers pass over a record that does not match, and report it
// to Options.Damaged; the next commit moves it to damaged (damaged.go). Comparing a
// poll with what is stored needs no checksum: what is damaged is not the same.
//
// Account names hold no NUL; space ids and numbers may hold any byte. Binary
// values name the fields that they hold in a mask, so that what was written before
// a field existed still reads; a new field raises the schema version. Times come
// back in UTC. A file of a newer schema is refused.
package store
