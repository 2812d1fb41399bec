// Package alertmanager keeps an Alertmanager informed of what fires, by its API v2
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml). It shows
// state: every alert that is open is posted when it changes and again every minute, and
// ends there by itself if numwatch is gone for five minutes; that an alert has ended is
// posted until the Alertmanager acknowledges it. How far its ends are acknowledged is a
// cursor over the log, so nothing else need be stored. Each address is a sink of its own.
// It imports alert, phone and notify; internal/bot calls it.
package alertmanager
