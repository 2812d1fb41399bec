// Package replica keeps the stores of several numwatch equal, and lets one of them at a time act.
// They share a log, a JetStream stream. The log is the lease as well: a record is appended only behind
// the last one that its writer knows (compare and set), so that whoever appends leads, and whoever is
// refused has been replaced. A record of the kind commit carries the redo of a store.Commit; each replica
// applies it together with its position, in one transaction.
//
// It imports store, store/maintain and internal/reconnect; internal/bot composes it and acts only while Right says so. What is
// decided is in chain.go, decide.go and right.go, which do no I/O; the others talk to NATS, to the store and to other replicas.
//
// What has to be known to change it:
//
//   - A sequence alone does not fence. Whoever begins a term, or goes on after its right has lapsed, first
//     finds its own last record in the log, byte for byte (verify): a log that was deleted and created again may be as long.
//   - 10071 (wrong last sequence) proves nothing. Without a quorum a record only waits, reads of it say
//     10037, and it may be stored later. Bytes whose outcome is unknown are never replaced: they are sent again
//     until the record behind the last one is these bytes, or others.
//   - Nats-Expected-Last-Msg-Id with a wrong value wedges a replicated stream for good, and Nats-Msg-Id makes
//     answers to repeated publishes differ by the number of replicas. Neither is sent.
//   - Reads go through the stream's leader (MSG.GET). Direct gets miss what was acknowledged a moment ago.
//     STREAM.INFO may come from any server while the stream has no leader, and be old: it never decides what the log holds. One
//     that led and was cut off answers both for some seconds: a halted replica looks again.
//   - A client may stay connected to a server that is cut off from the others. It sees time-outs, 10008, or, where that
//     server led the log, answers to reads, and no record is taken: it has to reconnect.
//   - Go's monotonic clock stands still while a virtual machine is suspended, so that the right ends by
//     whichever clock is first.
package replica
