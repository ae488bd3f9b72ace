#!/bin/sh
# What the compiled header asks of the C library and what it gives to others.
#   ./tests/test_linkage.sh
# OTX_NO_STDIO: no <stdio.h>, by whatever way. Nothing follows the locale: no printf, no
# strtod, in a whole build either. OTX_API: a shared library with hidden symbols exports the
# public functions and nothing else. And tests/test_text.c under a locale with a comma.
set -u
cd "$(dirname "$0")/.." || exit 1

CC=${CC:-cc}
build=build/tests/linkage
passed=0 failed=0 skipped=0
rm -rf "$build"
mkdir -p "$build"

have() { command -v "$1" >/dev/null 2>&1; }

# Counts one check, whose finding should be empty: empty NAME FINDING.
empty() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: $2" | head -n 5
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

cat >"$build/whole.c" <<'END'
#define OMP_TRANSPLANT_IMPLEMENTATION
#include "omp_transplant.h"
END

# The names that an object has and others give: undefined OBJECT.
undefined() { nm -u "$1" | awk '{ print $NF }' | sed 's/@.*//' | sort -u; }

locale_names='v?[fs]?n?printf|v?[fs]?scanf|strto[a-z]*|ato[a-z]*|setlocale|localeconv|nl_langinfo'
locale_names="^_*(isoc99_|isoc23_|mingw_)?($locale_names|toupper|tolower|ctype_b_loc)(_chk)?\$"

for without in "" OTX_NO_SIMD; do
    name="OTX_NO_STDIO${without:+ and $without}"
    $CC -std=c99 -I. -DOTX_NO_STDIO ${without:+-D$without} -M "$build/whole.c" \
        >"$build/depends" || echo "/stdio.h: it does not compile" >"$build/depends"
    empty "$name includes no stdio.h" "$(tr ' ' '\n' <"$build/depends" | grep '/stdio\.h')"
done
$CC -std=c99 -I. -DOTX_NO_STDIO -c "$build/whole.c" -o "$build/memory.o"
empty "OTX_NO_STDIO compiles" "$([ -f "$build/memory.o" ] || echo no)"
hidden() {
    "$@" -I. -fPIC -fvisibility=hidden '-DOTX_API=__attribute__((visibility("default")))' \
        -c "$build/whole.c" 2>"$build/errors"
}
hidden $CC -std=c99 -o "$build/whole.o"
if have nm && [ -f "$build/memory.o" ] && [ -f "$build/whole.o" ]; then
    empty "OTX_NO_STDIO needs no files" \
        "$(undefined "$build/memory.o" | grep -E '^_*(f?open|f?read|f?write|stdout|stderr|errno)')"
    for object in memory whole; do
        empty "nothing follows the locale, $object" \
            "$(undefined "$build/$object.o" | grep -E "$locale_names")"
        empty "nothing goes past the allocator, $object" \
            "$(undefined "$build/$object.o" | grep -E '^_*(qsort|strdup|calloc)$')"
    done
else
    skip "what objects need" "no nm"
fi

# That a shared library made of an object exports what is public, all of it, and nothing else:
# shared NAME OBJECT COMPILER.
shared() {
    label=$1
    rm -f "$build/whole.so"
    if ! $3 -shared "$2" -o "$build/whole.so" -lm 2>>"$build/errors"; then
        skip "$label" "$(head -n 1 "$build/errors")"
        return
    fi
    nm -D --defined-only "$build/whole.so" | awk '{ print $NF }' | grep -v '^_\(init\|fini\)$' |
        sort >"$build/exported"
    sed '/^#if defined(OMP_TRANSPLANT_IMPL/,$d' omp_transplant.h |
        sed -n 's/^OTX_API .*[ *]\(otx_[a-z0-9_]*\)(.*/\1/p' | sort >"$build/public"
    empty "$label" "$(diff "$build/public" "$build/exported")"
    empty "$label: some" "$([ "$(grep -c . "$build/exported")" -gt 60 ] || echo too few)"
}
if have nm; then
    shared "OTX_API in a shared library" "$build/whole.o" "$CC"
    if have clang; then
        hidden clang -std=c99 -o "$build/clang.o"
        shared "OTX_API in a shared library, clang" "$build/clang.o" clang
    fi
else
    skip "OTX_API in a shared library" "no nm"
fi

# A locale with a comma is made if there is none.
if have localedef && localedef -i de_DE -f UTF-8 "$build/de_DE.UTF-8" >/dev/null 2>&1; then
    $CC -std=c99 -O1 -I. tests/test_text.c -o "$build/test_text" -lm
    empty "test_text under a locale with a comma" \
        "$(LOCPATH="$PWD/$build" "$build/test_text" 2>&1 | grep -v ' passed, 0 failed, 0 skipped$')"
else
    skip "test_text under a locale with a comma" "localedef makes none here"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
