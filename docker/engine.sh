#!/bin/sh
# A Docker Engine of one's own, for the container tests: nothing is shared with an engine that may already run here.
#
#   docker/engine.sh start DIR           starts it in DIR, prints its DOCKER_HOST when it answers
#   docker/engine.sh stop DIR            stops the one that was started in DIR, removes DIR
#   docker/engine.sh hold                starts one, prints its DOCKER_HOST, stops it when stdin ends
#   docker/engine.sh with COMMAND [ARG…] runs COMMAND with DOCKER_HOST set, stops the engine after it; COMMAND's status
#
# It needs root and dockerd (packaging/setup.sh). There is no bridge and there are no iptables rules, so that it also works
# where network devices can't be had: containers get `--network none` or `host`. The store is what dockerd finds best,
# overlay2 or, where that can't be mounted, vfs.
set -eu

fail() { printf 'engine: %s\n' "$*" >&2; exit 1; }

answers() { DOCKER_HOST=unix://$1/docker.sock docker info >/dev/null 2>&1; }

start() { # DIR
	[ "$(id -u)" -eq 0 ] || fail "an engine is started by root"
	command -v dockerd >/dev/null 2>&1 || fail "no dockerd here (packaging/setup.sh installs it)"
	mkdir -p "$1"
	[ ! -e "$1/pid" ] || fail "one was started in '$1' already (docker/engine.sh stop '$1')"
	dockerd --iptables=false --bridge=none --data-root "$1/data" --exec-root "$1/exec" \
		-H "unix://$1/docker.sock" --pidfile "$1/pid" </dev/null >"$1/log" 2>&1 &
	daemon=$!
	tries=300 # of a tenth of a second
	until answers "$1"; do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ] || ! kill -0 "$daemon" 2>/dev/null; then
			tail -n 20 "$1/log" >&2
			kill "$daemon" 2>/dev/null || true
			fail "dockerd doesn't answer; the end of '$1/log' is above"
		fi
		sleep 0.1
	done
	printf 'unix://%s/docker.sock\n' "$1"
}

stop() { # DIR
	[ -d "$1" ] || fail "no engine was started in '$1'"
	if pid=$(cat "$1/pid" 2>/dev/null) && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -Fqx "$1/pid"; then
		kill "$pid"
		timeout 30 tail -s 0.1 --pid="$pid" -f /dev/null >/dev/null || fail "dockerd (pid $pid) hasn't ended within 30 s"
	fi
	# A container on the host's network leaves a mount behind.
	cut -d' ' -f5 /proc/self/mountinfo | grep -F "$1/" | sort -r | while read -r place; do umount "$place"; done
	rm -rf --one-file-system "$1" || fail "cannot remove '$1'"
}

directory() { mktemp -d "${TMPDIR:-/tmp}/wingmate-engine.XXXXXX"; }

case ${1:-} in
	start) start "${2:?DIR is missing}" ;;
	stop) stop "${2:?DIR is missing}" ;;
	hold)
		dir=$(directory)
		trap 'stop "$dir"' EXIT
		trap '' INT # a terminal's Ctrl-C reaches the whole group: stdin's end follows
		trap 'exit 143' TERM
		start "$dir"
		cat >/dev/null
		;;
	with)
		shift
		[ $# -gt 0 ] || fail "with what command?"
		dir=$(directory)
		trap 'stop "$dir"' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM
		DOCKER_HOST=$(start "$dir")
		export DOCKER_HOST
		"$@"
		;;
	*) fail "start DIR, stop DIR, hold, or with COMMAND" ;;
esac
