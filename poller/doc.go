// Package poller brings the snapshots: it asks the cloud API for one space
// after another, as fast as the account's limit of requests allows and where a
// change is likely and matters. Limit (how fast) and Schedule (who is next) are
// pure and take time as a value; Client speaks the API and is where the
// vendor's types stay; Poller runs the three for one account and hands each
// result on, waiting until it is taken.
package poller
