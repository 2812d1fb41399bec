#!/usr/bin/env bash
# package-check.sh DIST VERSION installs the packages for amd64 in folders of their own,
# with changed settings upgrades and removes them, and verifies the unit. It says what it
# does not check because a program is missing.
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
((EUID == 0)) || ! command -v fakeroot >/dev/null || exec fakeroot "$0" "$@"
dist=$(realpath "$1") version=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "package-check: $*" >&2
	exit 1
}

# can SUBJECT PROGRAM…: whether the programs are there to check it.
can() {
	local program
	for program in "${@:2}"; do
		command -v "$program" >/dev/null && continue
		echo "package-check: $1 is not checked: there is no $program here"
		return 1
	done
}

# installed ROOT GROUP: the files are there, for the right people, and the program runs.
installed() {
	local got want
	got=$(cd "$1" && stat -c '%a %u:%g %n' usr/bin/numwatch usr/lib/systemd/system/numwatch.service etc/numwatch/*.{env,yaml} \
		usr/share/bash-completion/completions/numwatch usr/share/fish/vendor_completions.d/numwatch.fish usr/share/zsh/*/_numwatch)
	want="755 0:0 usr/bin/numwatch
644 0:0 usr/lib/systemd/system/numwatch.service
600 0:0 etc/numwatch/numwatch.env
640 0:$2 etc/numwatch/config.yaml
640 0:$2 etc/numwatch/rules.yaml
644 0:0 usr/share/bash-completion/completions/numwatch
644 0:0 usr/share/fish/vendor_completions.d/numwatch.fish
644 0:0 $(cd "$1" && echo usr/share/zsh/*/_numwatch)"
	[[ $got == "$want" ]] || fail "installed in $1 is:"$'\n'"$got"$'\n'"and not:"$'\n'"$want"
	got=$("$1/usr/bin/numwatch" --version)
	[[ $got == *"$version"* ]] || fail "the installed program is $got, not $version"
}

# has FILE TEXT
has() { grep -qx "$2" "$1" || fail "$1 has no line '$2'"; }

deb() {
	local root=$work/deb etc=$work/deb/etc/numwatch group people
	people=$(cat /etc/passwd /etc/group)
	mkdir -p "$root"/var/{lib/dpkg/{info,updates},log}
	touch "$root"/var/lib/dpkg/{status,available}
	# Nothing else is in the root, so its scripts run outside of it.
	run() {
		dpkg --root="$root" --force-depends --force-script-chrootless --force-confdef --force-confold "$@" >"$work/log" 2>&1 ||
			fail "dpkg $*: $(<"$work/log")"
	}
	run --install "$dist"/*_amd64.deb
	group=$(sed -n 's/^numwatch:x:\([0-9]*\):$/\1/p' "$root/etc/group")
	[[ $group ]] || fail "the .deb makes no group numwatch"
	grep -q "^numwatch:x:[0-9]*:$group:.*:/var/lib/numwatch:/usr/sbin/nologin$" "$root/etc/passwd" || fail "the .deb makes no user numwatch"
	installed "$root" "$group"
	! can "the unit" systemd-analyze || unit "$root"

	dpkg-deb -R "$dist"/*_amd64.deb "$work/next"
	sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
	tee -a "$work"/next/etc/numwatch/*.yaml <<<"# next" >/dev/null
	dpkg-deb -Znone -b "$work/next" "$work/next.deb" >/dev/null
	echo "# ours" >>"$etc/config.yaml"
	run --install "$work/next.deb"
	has "$etc/config.yaml" "# ours"
	has "$etc/config.yaml.dpkg-dist" "# next"
	has "$etc/rules.yaml" "# next"
	rm "$etc/config.yaml.dpkg-dist"
	installed "$root" "$group"

	run --remove numwatch
	has "$etc/config.yaml" "# ours"
	[[ ! -e $root/usr/bin/numwatch ]] || fail "the program is left when the .deb is removed"
	run --purge numwatch
	[[ ! -e $etc ]] || fail "$(ls -A "$etc") is left in /etc/numwatch when the .deb is purged"
	[[ $people == "$(cat /etc/passwd /etc/group)" ]] || fail "installing the .deb in another root changed users here"
}

# unit ROOT, to which systemd's own units are added, which it refers to.
unit() {
	cp -r "$1" "$work/unit"
	cp /lib/systemd/system/*.target "$work/unit/usr/lib/systemd/system"
	install -D -m 755 /dev/null "$work/unit/bin/kill"
	systemd-analyze verify --man=no --recursive-errors=no --root="$work/unit" numwatch.service || fail "the unit is not fit"
}

rpm_() {
	local root=$work/rpm
	run() { rpm --root="$root" --nodeps --noscripts "$@" >"$work/log" 2>&1 || fail "rpm $*: $(<"$work/log")"; }
	run --install "$dist"/*.x86_64.rpm
	installed "$root" 0 # its script, which is that of the .deb, gives the group
	echo "# ours" >>"$root/etc/numwatch/config.yaml"
	run --upgrade --force "$dist"/*.x86_64.rpm
	has "$root/etc/numwatch/config.yaml" "# ours"
	run --erase numwatch
	has "$root/etc/numwatch/config.yaml.rpmsave" "# ours"
}

if [[ $(uname -sm) != "Linux x86_64" ]]; then
	echo "package-check: the packages are not checked: they are for Linux on amd64"
	exit
fi
! can "the .deb" dpkg dpkg-deb systemd-sysusers systemd-tmpfiles || deb
if [[ -v FAKEROOTKEY ]]; then
	echo "package-check: the .rpm is not checked: that takes root"
elif can "the .rpm" rpm; then
	rpm_
fi
