#!/bin/sh
# What has to be settled before anything runs, then exec: wingmate must be process 1 itself, not a child of this shell.
set -eu

# Arguments that are wingmate's own options need not name it:  docker run IMAGE --log-format json
case ${1:-} in
	-*) set -- /usr/local/bin/wingmate "$@" ;;
esac

# Anything else is run as it is, without services:  docker run -it IMAGE sh
exec "$@"
