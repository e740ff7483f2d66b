#!/bin/sh
# Base images for the container tests, made of what this machine has: no registry is asked.
#
#   docker/test/bases.sh busybox TAG    /bin/busybox and nothing else
#   docker/test/bases.sh debian TAG     bookworm's smallest set with openssh-server, nginx-light and postgresql, by debootstrap
#
# The Debian tree takes half a minute and is kept as a tar file in $XDG_CACHE_HOME (or /var/cache)/wingmate-test.
set -eu

fail() { printf 'bases: %s\n' "$*" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-/var/cache}/wingmate-test
tag=${2:?'which base, and what tag?'}

busybox_base() {
	binary=$(command -v busybox) || fail "no busybox here (packaging/setup.sh installs a static one)"
	tar -chf - --transform 's,^,bin/,' -C "$(dirname "$binary")" busybox | docker import - "$tag" >/dev/null
}

# One tree for all: a second one would take as long as all that the first one holds.
debian_base() {
	tree=$cache/bookworm-servers.tar
	[ -f "$tree" ] || bootstrap "$tree" openssh-server,nginx-light,postgresql
	docker import "$tree" "$tag" >/dev/null
}

bootstrap() { # TAR PACKAGES
	[ "$(id -u)" -eq 0 ] || fail "debootstrap is root's"
	command -v debootstrap >/dev/null || fail "no debootstrap here (packaging/setup.sh installs it)"
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/bootstrap.XXXXXX")
	trap 'rm -rf --one-file-system "$work"' EXIT
	debootstrap --variant=minbase --include="$2" bookworm "$work/tree" >"$work/log" 2>&1 </dev/null || {
		tail -n 20 "$work/log" >&2
		fail "debootstrap failed; the end of its log is above"
	}
	(cd "$work/tree" && rm -rf var/cache/apt var/lib/apt/lists usr/share/doc usr/share/man usr/share/locale)
	# As a whole or not at all: an interrupted run leaves no half of a tree behind.
	tar -cf "$work/tar" -C "$work/tree" .
	mv "$work/tar" "$1"
}

case $1 in
	busybox | debian) "$1_base" ;;
	*) fail "no base '$1' (busybox or debian)" ;;
esac
