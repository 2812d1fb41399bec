// Package webhook posts events of the log to an address of the user's own, signed as
// Standard Webhooks (https://www.standardwebhooks.com): each event at least once, in
// order, with the id that it has on NATS. It imports alert and notify; internal/bot and
// the commands call it.
package webhook
