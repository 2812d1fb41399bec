// Package api has the JSON types of the HTTP API, which openapi.yaml describes. The
// handlers of web write them, and the commands that ask a running bot read them. It
// imports phone and alert.
package api
