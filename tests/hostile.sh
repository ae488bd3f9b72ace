#!/bin/sh
# The tool on a hostile system and on the largest inputs.
#   ./tests/hostile.sh           bounded, as in a full run: some minutes
#   ./tests/hostile.sh --long    every call fails once; all inputs whole; hours of fuzzing
# OTX_FUZZ_SECONDS is how long --long fuzzes each target (1800). CC chooses the compiler.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh
. tests/full.sh

CC=${CC:-cc}
build=${OTX_TEST_BUILD:-build/tests}
most=3 scale=10
if [ "${1-}" = --long ]; then most=0 scale=1; fi
mkdir -p "$build"

have python3 || { echo "no python3"; exit 77; }
$CC -O2 -g -I. examples/transplant.c -o "$build/hostile-transplant" -lm
count "examples/transplant.c" $?
suite "growth with the largest inputs" python3 tests/hostile/growth.py \
    "$build/hostile-transplant" --scale $scale
if $CC -O1 -shared -fPIC tests/hostile/shim.c -o "$build/shim.so" -ldl 2>/dev/null &&
    [ "$(uname)" = Linux ]; then
    suite "a system that fails" python3 tests/hostile/faults.py "$build/hostile-transplant" \
        "$build/shim.so" --most $most
    suite "files that change" python3 tests/hostile/changing.py "$build/hostile-transplant" \
        "$build/shim.so" --most $most
else
    skip "a system that fails, files that change" "needs Linux and glibc"
fi
if $CC -O0 -I. tests/hostile/located.c -o "$build/located" -lm 2>/dev/null; then
    suite "other locales" python3 tests/hostile/locales.py "$build/hostile-transplant" \
        "$build/located"
else
    skip "other locales" "needs uselocale"
fi
library=$(gcc -print-file-name=libasan.so 2>/dev/null)
if [ $scale -gt 1 ]; then
    skip "a system that fails, sanitized" "for --long"
elif [ -f "$library" ]; then
    gcc -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
        examples/transplant.c -o "$build/hostile-sanitized" -lm &&
        gcc -O1 -shared -fPIC -DSANITIZED tests/hostile/shim.c -o "$build/shim-sanitized.so" -ldl
    count "examples/transplant.c, sanitized" $?
    suite "a system that fails, sanitized" python3 tests/hostile/faults.py \
        "$build/hostile-sanitized" "$build/shim-sanitized.so" --most 40 \
        --sanitized "$library"
    suite "files that change, sanitized" python3 tests/hostile/changing.py \
        "$build/hostile-sanitized" "$build/shim-sanitized.so" --most 4 --sanitized "$library"
else
    skip "a system that fails, sanitized" "no gcc with its sanitizers"
fi
suite "static analysers" ./tests/analyse.sh ${1+"$1"}
suite "sanitizers and valgrind" ./tests/hostile/sanitize.sh "$build/hostile-transplant" ${1-}
if [ "${1-}" = --long ]; then
    suite "lines that no test runs" ./tests/coverage.sh
else
    skip "lines that no test runs" "for --long"
fi
if [ "${1-}" = --long ]; then fuzzed "-max_total_time=${OTX_FUZZ_SECONDS:-1800}"; fi
echo
finish
