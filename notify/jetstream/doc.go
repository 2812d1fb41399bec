// Package jetstream publishes the log of events to a NATS JetStream stream:
// Publisher is a cursor over the log that publishes every event once and in
// order per subject, Renderer gives events their published form, and Server is
// a NATS server in this process. It imports phone, alert and notify; bot and the
// commands call it.
package jetstream
