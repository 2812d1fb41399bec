// Command numwatch watches WhatsApp Business phone numbers on Alibaba Cloud and
// tells people in Slack and programs through NATS when one of them changes.
package main

import (
	"context"
	"embed"
	"os"

	"numwatch/internal/cli"
)

// samples are the files that `numwatch init` writes.
//
//go:embed config.yaml rules.yaml rules.zh.yaml rules_test.yaml docs/rules.schema.json
var samples embed.FS

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr, samples))
}
