#!/bin/sh
# Builds the release binary, static and small, and leaves it at target/dist/wingmate.
#
# Ways, best first; WINGMATE_BUILD=rebuilt|musl|gnu chooses one:
#   musl     rustup's musl target, where it is installed (rustup target add x86_64-unknown-linux-musl)
#   rebuilt  the distribution's rustc with its library's source (Debian: packaging/setup.sh installs it): std itself is
#            compiled for size, for musl
#   gnu      the host's own target with glibc linked in: works everywhere, about a megabyte larger
#
# Intermediate files are kept apart from cargo's ordinary ones, in static/ of the target directory.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

say() { printf 'build: %s\n' "$*"; }
fail() { printf 'build: %s\n' "$*" >&2; exit 1; }

arch=$(uname -m)
case $arch in
	x86_64 | aarch64) ;;
	*) fail "no static build is known for '$arch' (only x86_64 and aarch64)" ;;
esac
musl=$arch-unknown-linux-musl
gnu=$arch-unknown-linux-gnu
intermediate=${CARGO_TARGET_DIR:-$root/target}/static

# --- what is there ---------------------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

can_musl() { has rustup && rustup target list --installed 2>/dev/null | grep -qx "$musl"; }

can_rebuild() {
	[ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && has musl-gcc && has ar &&
		[ -f "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]
}

way=${WINGMATE_BUILD:-}
if [ -z "$way" ]; then
	if can_musl; then way=musl; elif can_rebuild; then way=rebuilt; else way=gnu; fi
fi

# --- build -----------------------------------------------------------------------------------------------------------

# Rust flags are joined by the unit separator, so that a path may hold blanks.
flags=
flag() { for one in "$@"; do flags=${flags:+$flags$(printf '\037')}$one; done; }

common_flags() {
	flag -Ctarget-feature=+crt-static -Crelocation-model=static
	# No build machine's paths in the binary, the same bytes from every directory; one page less between segments, and
	# none for what only a dynamic loader would fill in and then protect.
	flag "--remap-path-prefix=$root=." "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo"
	flag -Clink-arg=-Wl,-z,noseparate-code,-z,norelro,--build-id=none
	# A panic aborts, so nothing ever reads the tables to unwind by: a twelfth of the binary.
	flag -Cforce-unwind-tables=no
	# Code that is inlined into a function with a large frame reaches that frame by longer instructions, and values
	# that lived apart are kept apart: what needs more than this many bytes of stack stays a function. And nothing is
	# computed twice to save a jump. (LLVM's outliner would save a thirtieth more, for a third of the log's speed.)
	flag -Cllvm-args=-inline-max-stacksize=200 -Cllvm-args=-enable-pre=false
}

build() { # CARGO TARGET [cargo's options]
	cargo=$1 target=$2
	shift 2
	CARGO_ENCODED_RUSTFLAGS=$flags "$cargo" build --release --locked --bin wingmate \
		--target "$target" --target-dir "$intermediate/$way" "$@" </dev/null
	built=$intermediate/$way/$target/release/wingmate
}

case $way in
	musl)
		can_musl || fail "rustup has no target '$musl' (rustup target add $musl)"
		say "rustup's $musl"
		common_flags
		build cargo "$musl"
		;;
	rebuilt)
		can_rebuild || fail "the distribution's Rust source is not complete (packaging/setup.sh)"
		say "$(/usr/bin/rustc --version | cut -d' ' -f1,2) of the distribution, std rebuilt for $musl"
		mkdir -p "$intermediate/$way/lib"
		# gcc's unwinder needs glibc, LLVM's is one more package: this binary needs neither.
		musl-gcc -Os -ffunction-sections -c packaging/unwind.c -o "$intermediate/$way/lib/unwind.o"
		rm -f "$intermediate/$way/lib/libunwind.a"
		ar rcs "$intermediate/$way/lib/libunwind.a" "$intermediate/$way/lib/unwind.o"
		common_flags
		# LLVM's linker makes one of functions that are the same to the byte.
		if command -v ld.lld >/dev/null 2>&1; then
			flag -Clink-arg=-fuse-ld=lld -Clink-arg=-Wl,--icf=all,--no-dynamic-linker,-O2
		fi
		flag -Clink-self-contained=no -Clinker=musl-gcc "-L$intermediate/$way/lib"
		# Places in panic messages and derived Debug texts, which nothing prints, are a tenth of the binary.
		flag -Zlocation-detail=none -Zfmt-debug=none
		export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc
		unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTUP_TOOLCHAIN
		# A panic ends the process on the spot, by an illegal instruction (SIGILL, which ends a PID 1 as well), with no
		# message: printing one takes an eighth of the binary, and wingmate's own code has nothing that panics. In
		# rustc it was first a feature of std, then (1.91) a way to panic.
		library=optimize_for_size
		if "$RUSTC" -Zunstable-options -Cpanic=immediate-abort --print cfg >/dev/null 2>&1; then
			flag -Zunstable-options -Cpanic=immediate-abort
		else
			library=$library,panic_immediate_abort
		fi
		build /usr/bin/cargo "$musl" -Zbuild-std=std,panic_abort "-Zbuild-std-features=$library"
		;;
	gnu)
		say "no musl to be had (see packaging/setup.sh), linking glibc in: larger, and without its name services"
		common_flags
		build cargo "$gnu"
		;;
	*) fail "unknown way '$way' in WINGMATE_BUILD (rebuilt, musl or gnu)" ;;
esac

# --- prove -----------------------------------------------------------------------------------------------------------

number() { od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; } # FILE OFFSET BYTES

# Prints how many program headers of a 64-bit ELF file are of a type: 2 is the dynamic section, 3 the interpreter.
headers() { # FILE TYPE
	table=$(number "$1" 32 8) size=$(number "$1" 54 2) count=$(number "$1" 56 2) index=0 found=0
	[ "$count" -gt 0 ] || fail "'$1' has no program headers"
	while [ "$index" -lt "$count" ]; do
		[ "$(number "$1" $((table + index * size)) 4)" -ne "$2" ] || found=$((found + 1))
		index=$((index + 1))
	done
	printf '%s\n' "$found"
}

[ "$(number "$built" 0 4)" -eq 1179403647 ] || fail "'$built' is no ELF file"
[ "$(headers "$built" 3)" -eq 0 ] || fail "'$built' asks for a dynamic loader: it is not static"
[ "$(headers "$built" 2)" -eq 0 ] || fail "'$built' has a dynamic section: it is not static"
env -i "$built" --version </dev/null >/dev/null || fail "'$built' does not run"

mkdir -p target/dist
cp "$built" target/dist/wingmate.new
chmod 755 target/dist/wingmate.new
mv target/dist/wingmate.new target/dist/wingmate
say "target/dist/wingmate: $(wc -c <target/dist/wingmate | tr -d ' ') bytes, static (no loader, no dynamic section), way: $way"
