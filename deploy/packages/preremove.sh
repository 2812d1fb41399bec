#!/bin/sh
# On removal (remove in Debian, 0 in an rpm), not before an upgrade. The user and
# the store in /var/lib/numwatch stay.
set -e
if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
		systemctl disable --now numwatch.service
	fi
fi
