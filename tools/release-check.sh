#!/usr/bin/env bash
# Makes the release of one platform from two clones, under another umask, time
# zone and path, and wants equal bytes of both; then installs the packages, and tries
# what release.sh refuses.
set -euo pipefail
cd "$(dirname "$0")/.."
version=v1.2.3-check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "release-check: $*" >&2
	exit 1
}

release() {
	git clone -q . "$1"
	PLATFORMS=linux/amd64 "$1/tools/release.sh" $version >"$1.out" 2>&1 || fail "$(<"$1.out")"
}

release "$work/one"
(umask 077 && TZ=Asia/Singapore release "$work/another one")
diff -r "$work/one/dist" "$work/another one/dist" || fail "two runs differ"

cd "$work/one/dist"
sha256sum --check --quiet SHA256SUMS
name=numwatch_${version#v}_linux_amd64
listed=$(tar -tzf "$name.tar.gz")
for file in numwatch README.md config.yaml rules.yaml numwatch.service numwatch.env.example completions/{numwatch.bash,_numwatch,numwatch.fish}; do
	[[ $listed == *"$name/$file"* ]] || fail "the archive has no $file"
done
for file in $name ./*.deb ./*.rpm "numwatch-${version#v}.tgz" "numwatch_${version#v}.cdx.json" RELEASE_NOTES.md; do
	[[ -s $file ]] || fail "there is no $file"
done
"$work/one/tools/package-check.sh" . $version

# refuses WORDS VERSION
refuses() {
	if said=$("$work/one/tools/release.sh" "$2" 2>&1); then fail "released '$2', despite: $1"; fi
	[[ $said == *"$1"* ]] || fail "says not '$1', but: $said"
}
refuses "no version" ""
refuses "no version" 1.0.0
refuses "no version" v1.0
other=$(git -C "$work/one" -c user.name=check -c user.email=check@localhost commit-tree -m other "HEAD^{tree}")
git -C "$work/one" tag v1.0.0 "$other"
refuses "another commit" v1.0.0
touch "$work/one/new"
refuses "not clean" $version
