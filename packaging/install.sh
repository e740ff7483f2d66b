#!/bin/sh
# Installs what packaging/build.sh built: the binary, and its other two names as links to it; and the manual pages.
#
#   packaging/install.sh                 into /usr/local/bin, the pages into /usr/local/share/man
#   PREFIX=/usr packaging/install.sh     into /usr/bin and /usr/share/man
#   DESTDIR=/tmp/image packaging/install.sh   below another root, for a package or an image
set -eu
cd "$(dirname "$0")/.."

fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

binary=target/dist/wingmate
[ -f "$binary" ] || fail "there is no '$binary' yet (packaging/build.sh builds it)"

prefix=${DESTDIR:-}${PREFIX:-/usr/local}
bin=$prefix/bin
mkdir -p "$bin" || fail "cannot make '$bin'"

# Under a new name first: a running wingmate's file can't be written to, but it can be replaced.
cp "$binary" "$bin/.wingmate.new"
chmod 755 "$bin/.wingmate.new"
mv -f "$bin/.wingmate.new" "$bin/wingmate"
for name in wmexec wmpidproxy; do
	ln -sf wingmate "$bin/$name"
done
printf 'install: %s\n' "$bin/wingmate" "$bin/wmexec" "$bin/wmpidproxy"

for page in packaging/man/*.[15]; do
	man=$prefix/share/man/man${page##*.}
	mkdir -p "$man" || fail "cannot make '$man'"
	cp "$page" "$man/"
	chmod 644 "$man/${page##*/}"
	printf 'install: %s\n' "$man/${page##*/}"
done
