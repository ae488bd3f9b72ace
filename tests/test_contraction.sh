#!/bin/sh
# A user's functions behind the implementation are compiled as they would be without it: the
# header turns the contraction of a * b + c off for itself, and gives back what was set.
#   ./tests/test_contraction.sh
# Compares what compilers make of such functions, where one has fused multiply-adds.
set -u
cd "$(dirname "$0")/.." || exit 1

build=build/tests/contraction
passed=0 failed=0 skipped=0
mkdir -p "$build"

functions='
double in_one(double a, double b, double c) { return a * b + c; }
double in_two(double a, double b, double c) { double t = a * b; return t + c; }
float in_float(float a, float b, float c) { return a - b * c; }'

# The instructions of those functions: without what numbers, aligns and debugs them.
instructions() {
    awk '/^_?in_[a-z]*:/ { on = 1; print $1 }
         /^[ \t]*\.(size|cfi_endproc)/ { on = 0 }
         on && /^[ \t]+[a-z]/ { $1 = $1; print }' "$1"
}

# Both alike, with lines of the user's own before: alike NAME LINES COMPILER FLAGS...
alike() {
    name=$1 lines=$2
    shift 2
    printf '%s\n%s\n' "$lines" "$functions" >"$build/alone.c"
    printf '%s\n#define OTX_STATIC\n#define OMP_TRANSPLANT_IMPLEMENTATION\n%s\n%s\n' "$lines" \
        '#include "omp_transplant.h"' "$functions" >"$build/behind.c"
    if ! "$@" -O2 -S "$build/alone.c" -o "$build/alone.s" 2>"$build/errors"; then
        skipped=$((skipped + 1))
        echo "skipped $name: $(head -n 1 "$build/errors")"
        return
    fi
    if "$@" -O2 -I. -S "$build/behind.c" -o "$build/behind.s" &&
        instructions "$build/alone.s" >"$build/alone.txt" &&
        instructions "$build/behind.s" >"$build/behind.txt" &&
        [ "$(grep -c : "$build/alone.txt")" -eq 3 ] &&
        diff "$build/alone.txt" "$build/behind.txt"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $name"
    fi
}

# Every mode of one compiler: modes NAME COMPILER FLAGS...
modes() {
    label=$1
    shift
    if ! command -v "$1" >/dev/null 2>&1; then
        skipped=$((skipped + 1))
        echo "skipped $label: not installed"
        return
    fi
    alike "$label" '' "$@"
    for mode in off on fast; do alike "$label, $mode" '' "$@" "-ffp-contract=$mode"; done
}

case $(uname -m) in
x86_64 | amd64) fused=-mfma ;;
*) fused= ;;
esac
modes gcc gcc $fused
modes clang clang $fused
modes "gcc for 64-bit Arm" aarch64-linux-gnu-gcc
modes "clang for 64-bit Arm" clang --target=aarch64-linux-gnu \
    -idirafter /usr/aarch64-linux-gnu/include

# What a pragma of the user's has set, where the compiler can be asked to keep that.
if [ -n "$fused" ]; then
    alike "gcc, a pragma before" '#pragma GCC optimize("fp-contract=off")' gcc $fused
    alike "clang, a pragma before" '#pragma STDC FP_CONTRACT OFF' clang $fused
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
