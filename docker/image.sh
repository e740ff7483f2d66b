#!/bin/sh
# Builds an image from a folder with a Dockerfile: what the folder holds, and beside it `wingmate`, the release binary.
#
#   docker/image.sh docker/alpine --tag mine:alpine
#   docker/image.sh docker/bookworm --tag mine --build-arg BASE=debian:trixie     …any option of `docker build`
set -eu
folder=${1:?'which folder? for example docker/alpine'}
shift
top=$(cd "$(dirname "$0")/.." && pwd)
[ -f "$top/target/dist/wingmate" ] || "$top/packaging/build.sh"
tar -cf - -C "$top/target/dist" wingmate -C "$(cd "$folder" && pwd)" . | docker build "$@" -
