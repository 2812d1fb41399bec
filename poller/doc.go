// Package poller polls the spaces of one account: as fast as the account's limit
// of requests allows, and where a change is likely and matters. Poller joins
// ratelimit (how fast), schedule (who is next) and cams (the cloud API), hands
// each result on, and waits until it is taken. It imports phone, alert and its
// own subpackages; the bot makes one for each account.
package poller
