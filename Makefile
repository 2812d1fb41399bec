# numwatch needs Go, git and make; make check also a C compiler, for the race
# detector. Everything else is pinned in go.mod and in the go.mod files below tools.

GO      ?= go
ARGS    ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)

# Where git cannot tell (a tarball, a foreign checkout) the binary says so.
STAMP := $(if $(VERSION),-X numwatch/internal/cli.stamped=$(VERSION))
# Functions are aligned to 8 bytes rather than 32, which would fill half a
# megabyte of the binary with nothing.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w -funcalign=8 $(STAMP)"
LARGEST := 34000000
# The packages whose tests take longest begin first, so that none runs alone at the end.
SLOWEST := ./internal/cli ./web
TOOL  := $(GO) tool -modfile=tools/pinned/go.mod

ifndef SEED
SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
SOAK := NUMWATCH_TEST_SEED=$(SEED)

.DEFAULT_GOAL := help
.PHONY: help build demo chromium pictures test bench bench-poller fuzz load soak check race-ready fmt-check vet staticcheck tidy-check cross size chart manifests race release release-check fmt

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/numwatch
	$(BUILD) -o bin/numwatch .

demo: build ## see it work against a simulated cloud (ARGS="--for 30s --speed 10")
	bin/numwatch demo $(ARGS)

pictures: chromium ## draw the pictures of docs/ui.md anew
	NUMWATCH_PICTURES=write $(GO) test -count=1 -run TestPicturesInABrowser ./web

test: chromium ## run all tests (fetches Chromium where it can)
	$(GO) test -timeout 10m $(SLOWEST) ./...

bench: ## run the benchmarks, but for those of bench-poller
	$(GO) test -p 1 -run '^$$' -bench . -skip '^Benchmark(Goal|Fleet)' -benchmem -timeout 20m ./...

# Counted: where -fuzztime is a time, its end can fail the run ("context deadline exceeded").
fuzz: ## about a minute of fuzzing for what comes from outside: rules and their expressions, push receipts
	$(GO) test -run '^$$' -fuzz '^FuzzParse$$' -fuzztime 100000x ./rules/lint
	$(GO) test -run '^$$' -fuzz '^FuzzExpressions$$' -fuzztime 120000x ./rules
	$(GO) test -run '^$$' -fuzz '^FuzzReceipts$$' -fuzztime 300000x ./internal/hints

bench-poller: ## measure what the poller promises, as the table in docs/benchmarks.md (some minutes, on a quiet machine)
	@$(GO) test -p 1 -run '^$$' -bench '^Benchmark(Goal|Fleet)' -benchtime 1x -timeout 40m ./poller/... ./internal/bench 2>&1 | tee /dev/stderr | awk -f tools/benchtable.awk

load: build ## measure the whole program on a fleet of 1,000,000 numbers (ARGS="-sweep numbers", -help; Linux)
	@$(GO) run ./tools/load $(ARGS)

soak: ## the long tests: 500 kills, 1,000 corrupted stores, 200 faults of replicas and thousands of others (SEED=… repeats a run)
	@echo "soak: SEED=$(SEED)"
	$(SOAK) NUMWATCH_SOAK_ROUNDS=5000 $(GO) test -count=1 -timeout 1h -run RandomFaults ./notify/...
	$(SOAK) $(GO) test -count=50 -timeout 1h -run 'FaultMatrix|FaultsOfEveryEffect|NATSCrashes|NATSOrder|NATSOutage' ./notify/...
	$(SOAK) NUMWATCH_SOAK_WORLDS=3000 $(GO) test -count=1 -timeout 1h -run NeverStaysSlow ./poller/ratelimit
	$(SOAK) NUMWATCH_SOAK_TIMELINES=1000000 $(GO) test -count=1 -timeout 4h -run WhatPeopleHeard ./internal/rulelab/backtest
	$(SOAK) NUMWATCH_SOAK_STORES=1000 $(GO) test -count=1 -timeout 1h -run TestCorruptedStores ./internal/bot
	$(SOAK) NUMWATCH_SOAK_REPLICAS=200 $(GO) test -count=1 -timeout 2h -v -run TestRandomFaultsOfReplicas ./internal/replica ./internal/cli
	$(SOAK) NUMWATCH_SOAK_KILLS=500 $(GO) test -count=1 -timeout 4h -v -run 'TestKilled|TestStopped' ./internal/cli

check: race-ready fmt-check tidy-check vet staticcheck cross size chart race ## what CI runs beside the tests: format, lint, tidy, size, chart, race detector
	@echo "check: all is well"

release: ## write dist: binaries, archives, .deb, .rpm, chart, SBOM, checksums, notes (VERSION=v1.0.0)
	@tools/release.sh '$(VERSION)'

release-check: ## release one platform twice, compare, and install the packages
	@echo "check: release"
	@tools/release-check.sh

fmt: ## format the sources
	$(TOOL) gofumpt -w .

# For the browser tests.
chromium:
	@tools/chromium.sh

# Said before anything slow has run.
race-ready:
	@if [ "$$($(GO) env CGO_ENABLED)" != 1 ] || ! command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null; then \
		echo "check: the race detector needs cgo and a C compiler, and there is none here:" >&2; \
		echo "install gcc (or set CC), and leave CGO_ENABLED unset or 1" >&2; \
		exit 1; \
	fi

fmt-check:
	@echo "check: format"
	@unformatted="$$($(TOOL) gofumpt -l .)" || exit 1; if [ -n "$$unformatted" ]; then \
		echo "not formatted (make fmt):" >&2; echo "$$unformatted" >&2; exit 1; \
	fi

tidy-check:
	@echo "check: go.mod"
	@$(GO) mod tidy -diff
	@cd tools/pinned && $(GO) mod tidy -diff
	@cd tools/chart && $(GO) mod tidy -diff
	@cd tools/alertmanager && $(GO) mod tidy -diff

vet:
	@echo "check: vet"
	@$(GO) vet ./...

staticcheck:
	@echo "check: staticcheck"
	@$(TOOL) staticcheck ./...

cross:
	@echo "check: build for darwin/arm64"
	@GOOS=darwin GOARCH=arm64 $(BUILD) -o /dev/null .
	@echo "check: vet for 32 bits"
	@GOARCH=arm CGO_ENABLED=0 $(GO) vet ./...

# What grows it: go tool nm -size -sort size on a build without -s -w.
size:
	@echo "check: size of the binary"
	@GOOS=linux GOARCH=amd64 $(BUILD) -o bin/numwatch.sized .
	@bytes=$$(wc -c < bin/numwatch.sized); rm bin/numwatch.sized; if [ $$bytes -gt $(LARGEST) ]; then \
		echo "the stripped binary has $$bytes bytes, and may have $(LARGEST)" >&2; exit 1; \
	fi

# helm lint and helm template, with Helm's own packages. Most of the time goes into
# compiling those of Kubernetes, which is quicker without optimisation and vet.
CHART := $(GO) test -count=1 -vet=off '-gcflags=k8s.io/...=-N -l' .
chart:
	@echo "check: chart"
	@cd tools/chart && $(CHART)

manifests: ## write deploy/kubernetes/numwatch.yaml, which the chart renders
	@cd tools/chart && $(CHART) -run TestManifest -update

# The slow tests run once, without the detector, in make test. So do packages without
# goroutines, those of messages and of the tools for rules, which have next to none,
# scripts of commands that end at once, replicas in what others show the detector too,
# pages in a browser, which asks for what other tests of web ask for as well, and
# deploytest, which looks at programs in other processes.
WITHOUT_RACE := InABrowser$$|^(TestReplicaIsKilledWithinALargeCommit|TestReplicasAreReseeded|TestReplicasHaveDifferentHistories|TestReplicasWantEventsOnThreeServers|TestStoreEntersAndLeavesASet)$$|^TestScripts$$/^(check|completion|db|init|language|named|robots|rules_backtest|rules_explain|rules_explain_for|rules_lint|rules_test|secrets|usage)$$
race: chromium
	@echo "check: tests with the race detector"
	@# Without GORACE each process that a test runs takes a second to end.
	@GORACE=atexit_sleep_ms=0 $(GO) test -race -short -skip '$(WITHOUT_RACE)' -timeout 10m $(SLOWEST) $$($(GO) list -f '{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... | \
		grep -E ' (context|sync|sync/atomic|testing/synctest|golang.org/x/sync/errgroup)( |$$)' | cut -d' ' -f1 | grep -vE '/(deploytest|card|rulelab/.*)$$')
