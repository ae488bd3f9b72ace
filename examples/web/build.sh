#!/bin/sh
# Makes the page, one file that works from a disk as well as from a server:
#   ./examples/web/build.sh [FILE]     (build/web/transplant.html)
# CLANG names a clang that builds for WebAssembly, with wasi-libc; on Debian:
#   apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32
# Ends with 77 where there is none.
set -eu
cd "$(dirname "$0")/../.."

here=examples/web
page=${1-build/web/transplant.html}
clang=${CLANG:-clang}
work=$(mktemp -d "${TMPDIR:-/tmp}/otx-web.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo 'int main(void) { return 0; }' >"$work/probe.c"
"$clang" --target=wasm32-wasi "$work/probe.c" -o "$work/probe" >"$work/said" 2>&1 || {
    echo "$here/build.sh: $clang cannot build for wasm32-wasi; on Debian it takes" \
        "clang lld wasi-libc libclang-rt-14-dev-wasm32" >&2
    exit 77
}

# Linked without an -O: clang 14 would run the wasm-opt it finds, which knows no SIMD unless
# it is told.
"$clang" --target=wasm32-wasi -msimd128 -Os -Wall -Wextra -Werror -D_WASI_EMULATED_SIGNAL \
    -D_WASI_EMULATED_PROCESS_CLOCKS -I. -c $here/web.c -o "$work/web.o"
"$clang" --target=wasm32-wasi -Wl,-z,stack-size=1048576 -Wl,--strip-all "$work/web.o" \
    -o "$work/web.wasm"

# Packed, in base 64, as a page can have it.
gzip -9nc "$work/web.wasm" | base64 >"$work/program"
(cd $here && cat files.js wasi.js details.js worker.js) >"$work/worker"
(cd $here && cat chart.js drop.js zip.js save.js table.js report.js ask.js page.js) >"$work/page"
cp $here/page.css "$work/page.css"

# The page's Content-Security-Policy lets this script run and no other: its SHA-256, of the
# newline after the tag as well, in base 64.
sha256() { sha256sum 2>/dev/null || shasum -a 256; }
sum=$({ echo; cat "$work/page"; } >"$work/script" && sha256 <"$work/script" | awk '{
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for (i = 1; i <= 64; i++) { # 12 bits, of three digits, are two signs
        bits = bits * 16 + index("0123456789abcdef", substr($1, i, 1)) - 1
        if (i == 64) printf "%s=", substr(signs, bits * 4 + 1, 1)
        else if (i % 3 == 0) {
            printf "%s%s", substr(signs, int(bits / 64) + 1, 1), substr(signs, bits % 64 + 1, 1)
            bits = 0
        }
    }
}')
[ -n "$sum" ] || { echo "$here/build.sh: there is no sha256sum" >&2; exit 1; }

mkdir -p "$(dirname "$page")"
awk -v work="$work" -v sum="$sum" '
    { sub(/sha256-OF-PAGE/, "sha256-" sum) }
    /^<!-- (page\.css|worker|program|page) -->$/ {
        file = work "/" $2
        while ((getline line < file) > 0) print line
        close(file)
        next
    }
    { print }' $here/page.html >"$work/whole.html"
mv "$work/whole.html" "$page"
bytes() { wc -c <"$1" | tr -d ' '; }
echo "$page: $(bytes "$page") bytes, of which the program $(bytes "$work/program")" \
    "($(bytes "$work/web.wasm") unpacked)"
[ "$(bytes "$page")" -lt 1000000 ] || { echo "$page: 1 MB is the limit" >&2; exit 1; }
