#!/bin/sh
# A first installation starts nothing: config.yaml must name spaces first. An
# upgrade restarts a running bot.
set -e
if ! getent passwd numwatch >/dev/null; then
	useradd --system --user-group --home-dir /var/lib/numwatch --shell /usr/sbin/nologin numwatch
fi
# Here, not in the packages: with dpkg --root they would be looked up outside.
for file in /etc/numwatch/config.yaml /etc/numwatch/rules.yaml; do
	[ ! -e "$file" ] || chgrp numwatch "$file"
done
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart numwatch.service
fi
