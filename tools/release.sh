#!/usr/bin/env bash
# release.sh VERSION writes dist: all that a release consists of, built from the
# commit that is checked out. Two runs give equal bytes: every time is the
# commit's, and nothing tells where it was built. PLATFORMS="linux/amd64" builds
# less.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC
cd "$(dirname "$0")/.."

fail() {
	echo "release: $*" >&2
	exit 1
}

version=${1-}
number=${version#v}
[[ $version =~ ^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z]+([.-][0-9A-Za-z]+)*)?$ ]] ||
	fail "'$version' is no version such as v1.0.0 or v1.1.0-rc.1: make release VERSION=v1.0.0"
[[ -z $(git status --porcelain) ]] ||
	fail "the tree is not clean: commit, or remove, what git status shows"
head=$(git rev-parse HEAD)
[[ $(git rev-parse -q --verify "refs/tags/$version^{commit}" || echo "$head") == "$head" ]] ||
	fail "the tag $version is on another commit: check it out first"
[[ $(tar --version) == *"GNU tar"* ]] || fail "GNU tar is needed"

section() { awk -v heading="## [$1]" '/^## / {on = index($0, heading) == 1; next} on && (NF || begun) {begun = 1; print}' CHANGELOG.md; }
notes=$(section "$number")
[[ $notes ]] || notes=$(section Unreleased)
[[ $notes ]] || fail "CHANGELOG.md has no section [$number], and nothing under [Unreleased]"

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf dist
mkdir dist
dist=$PWD/dist
git clone -q . "$work/src"
cd "$work/src"
git tag -f "$version" >/dev/null # the SBOM takes its version from the tag

# pack FILE FOLDER: the folder as a .tar.gz.
pack() {
	tar --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$(dirname "$2")" -cf - "$(basename "$2")" |
		gzip -n >"$dist/$1"
}

build() { GOOS=$1 GOARCH=$2 make -s --no-print-directory build VERSION="$version"; }
tool() { go tool -modfile=tools/pinned/go.mod "$@"; }

mkdir -p release/completions
build "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)"
bin/numwatch completion bash >release/completions/numwatch.bash
bin/numwatch completion zsh >release/completions/_numwatch
bin/numwatch completion fish >release/completions/numwatch.fish
sed 's|/usr/local/bin/|/usr/bin/|; /^# \/etc\/systemd/d' deploy/systemd/numwatch.service >release/package.service

for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/arm64}; do
	os=${platform%/*} arch=${platform#*/}
	name=numwatch_${number}_${os}_$arch
	echo "release: $name"
	build "$os" "$arch"
	mkdir "$work/$name"
	cp -r bin/numwatch README.md CHANGELOG.md config.yaml rules.yaml release/completions \
		deploy/systemd/numwatch.service deploy/numwatch.env.example "$work/$name"
	pack "$name.tar.gz" "$work/$name"
	cp bin/numwatch "$dist/$name"
	if [[ $os == linux ]]; then
		cp bin/numwatch release/numwatch
		for packager in deb rpm; do
			VERSION=$number ARCH=$arch tool nfpm package -f deploy/packages/nfpm.yaml -p $packager -t "$dist/" >/dev/null
		done
	fi
done

echo "release: chart and SBOM"
cp -rL deploy/helm/numwatch "$work/numwatch"
sed -i "s/^version: .*/version: $number/; s/^appVersion: .*/appVersion: $version/" "$work/numwatch/Chart.yaml"
pack "numwatch-$number.tgz" "$work/numwatch"
# Without the checksum of the program that wrote it, which depends on where Go is.
GOOS=linux GOARCH=amd64 CGO_ENABLED=0 tool cyclonedx-gomod app -json -std -noserial -notimestamp . |
	sed '/^    "tools": \[$/,/^    \],$/d' >"$dist/numwatch_$number.cdx.json"

cd "$dist"
sha256sum -- * >SHA256SUMS
printf '%s\n' "$notes" >RELEASE_NOTES.md
ls -l
