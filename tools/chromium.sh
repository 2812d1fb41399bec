#!/bin/sh
# Makes sure that there is a Chromium for the browser tests, and installs
# Debian's or Ubuntu's where it is missing and this may be done.
set -eu

for program in "${NUMWATCH_CHROMIUM:-}" chromium chromium-browser google-chrome chrome; do
	if [ -n "$program" ] && command -v "$program" >/dev/null; then
		exit 0
	fi
done

advice='the browser tests need Chromium: install it (Debian: apt-get install chromium; macOS: brew install --cask chromium),
or name the program of any Chromium or Chrome in NUMWATCH_CHROMIUM'
if ! command -v apt-get >/dev/null; then
	echo "$advice" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
		echo "$advice" >&2
		exit 1
	fi
	as_root=sudo
fi
echo 'installing chromium for the browser tests'
if ! { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium fonts-dejavu-core; }; then
	echo "$advice" >&2
	exit 1
fi
