#!/bin/sh
# A first installation starts nothing: config.yaml must name spaces first. An
# upgrade restarts a running bot. DPKG_ROOT is where dpkg --root installs.
set -e
systemd-sysusers --root="${DPKG_ROOT:-/}" numwatch.conf
systemd-tmpfiles --root="${DPKG_ROOT:-/}" --create numwatch.conf
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart numwatch.service
fi
