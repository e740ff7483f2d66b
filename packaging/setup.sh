#!/bin/sh
# Installs what building and testing need beyond Rust itself, on Debian and its kin. What is there already is left alone;
# run it again at any time.
#
#   to build    a C linker; for the small static binary the distribution's rustc with its library's source, musl (where
#               rustup has the musl target, or can add it, that serves too)
#   to test     a Docker Engine, debootstrap for a Debian base image, a static busybox for images without anything,
#               mandoc to look over the manual pages, strace to count system calls, zone files to compare the built-in
#               rules with, and, in target/oracle, a Python environment with cronsim to compare fire times with
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

has apt-get || fail "this is no Debian or Ubuntu: install a C linker, a musl target for rustc, dockerd, debootstrap, a static busybox, mandoc, strace and tzdata yourself"

missing=
need() { missing="$missing $*"; } # PACKAGE…

has cc || need gcc libc6-dev
if ! has dockerd || ! has docker; then need docker.io; fi
[ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
has debootstrap || need debootstrap
# The image has no libc: only a static busybox will do, which is not the package `busybox`.
[ -e /usr/share/doc/busybox-static ] || need busybox-static
has unshare || need util-linux
has mandoc || need mandoc
has strace || need strace
[ -e /usr/share/zoneinfo/zone1970.tab ] || need tzdata

cronsim=2.8
oracle=target/oracle
knows_cron() {
	"$oracle/bin/python" -I -c "from importlib.metadata import version; exit(version('cronsim') != '$cronsim')" 2>/dev/null
}
# The first that is new enough for cronsim and can make environments.
find_python() {
	python=
	for candidate in python3 /usr/bin/python3; do
		if "$candidate" -c 'import ensurepip, venv, sys; exit(sys.version_info < (3, 10))' 2>/dev/null; then
			python=$candidate
			return
		fi
	done
}
find_python
if ! knows_cron && [ -z "$python" ]; then need python3 python3-venv; fi

rebuilds_std() {
	[ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && has musl-gcc && has ar && has ld.lld &&
		[ -e "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]
}
has_musl() { has rustup && rustup target list --installed 2>/dev/null | grep -qx "$(uname -m)-unknown-linux-musl"; }

static=
if ! has_musl && ! rebuilds_std; then static=wanted; fi

if [ -n "$missing$static" ]; then
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get update -q
fi
known() { apt-cache show "$1" >/dev/null 2>&1; } # PACKAGE
install() { say "installing $*" && as_root apt-get install -q -y --no-install-recommends "$@" </dev/null; } # PACKAGE…

if [ -n "$static" ]; then
	if known rustc-web && known cargo-web && known rust-web-src; then
		install rustc-web cargo-web rust-web-src musl-tools lld
	elif has rustup && rustup target add "$(uname -m)-unknown-linux-musl"; then
		say "rustup's musl target added"
	else
		say "no musl for rustc to be had: packaging/build.sh will link glibc in, a megabyte more"
	fi
fi
case $missing in *docker.io*) if known docker-cli; then need docker-cli; fi ;; esac # newer Debians split it off
if [ -n "$missing" ]; then
	# shellcheck disable=SC2086 # a list of names
	install $missing
fi

if ! knows_cron; then
	say "installing cronsim $cronsim in $oracle"
	find_python
	[ -n "$python" ] || fail "cronsim needs Python 3.10 or newer with venv and ensurepip"
	"$python" -m venv --clear "$oracle" && "$oracle/bin/python" -m pip install -q --no-deps "cronsim==$cronsim" </dev/null ||
		fail "cannot install cronsim $cronsim in $oracle: the tests of schedules need it, nothing else does"
fi

if has cargo; then
	say "ready: $(cargo --version)"
else
	say "ready but for Rust itself, 1.85 or newer: https://rustup.rs"
fi
