#!/bin/sh
# Builds and runs the tests.
#   ./tests/run.sh          what contributors run: the suites, the tool, strict warnings
#   ./tests/run.sh --full   and again under sanitizers, with every compiler and language
#                           standard here, on an emulated Arm, and against the real
#                           clients (Python packages, installed into build/)
#   ./tests/run.sh --clients   only the tool against the real clients
# CC chooses the compiler. The last line adds everything up.
set -u
cd "$(dirname "$0")/.." || exit 1

what=everyday
case "${1-}" in
"") ;;
--full) what=full ;;
--clients) what=clients ;;
*) echo "usage: tests/run.sh [--full | --clients]" >&2; exit 2 ;;
esac

CC=${CC:-cc}
build=build/tests
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
passed=0 failed=0 skipped=0
mkdir -p "$build"

# Threads that wait should sleep: on a busy machine they would take turns spinning.
export OMP_WAIT_POLICY=passive

have() { command -v "$1" >/dev/null 2>&1; }

# Counts one check: pass NAME STATUS.
count() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

# Runs a suite, shows what it prints, and adds up its closing line. One that ends
# without such a line has crashed; status 77 means that something is missing.
suite() {
    name=$1
    shift
    echo "== $name"
    "$@" >"$build/output" 2>&1
    status=$?
    grep -v -E '^[0-9]+ passed, [0-9]+ failed' "$build/output"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$build/output" | tail -n 1)
    if [ $status -eq 77 ]; then
        skipped=$((skipped + 1))
    elif [ -z "$line" ]; then
        count "$name (status $status, no closing line)" 1
    else
        echo "$line"
        set -- $(echo "$line" | tr -cs '0-9' ' ')
        passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
        if [ $status -ne 0 ] && [ "$2" -eq 0 ]; then count "$name (status $status)" 1; fi
    fi
}

# "-fopenmp" if this compiler has it: openmp COMPILER [FLAGS].
openmp() {
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    "$@" -fopenmp "$build/probe.c" -o "$build/probe" >/dev/null 2>&1 && echo -fopenmp
}

# What a suite that has run printed, and its status.
replay() {
    cat "$1.out"
    return "$(cat "$1.status")"
}

# Builds and runs every C suite, as many at a time as there are cores:
# suites LABEL RUNNER COMPILER FLAGS...
suites() {
    label=$1 runner=$2 cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    shift 2
    rm -f "$build"/test_*
    printf '%s\n' tests/test_*.c | xargs -P "$cores" -I'{}' sh -c '
        name=$1/$(basename "$0" .c) runner=$2
        shift 2
        "$@" "$0" -o "$name" -lm -pthread || exit 0
        $runner "$name" >"$name.out" 2>&1
        echo $? >"$name.status"' '{}' "$build" "$runner" "$@"
    for source in tests/test_*.c; do
        name=$(basename "$source" .c)
        if [ -f "$build/$name.status" ]; then
            suite "$name, $label" replay "$build/$name"
        else
            count "$name, $label: build" 1
        fi
    done
}

# The header alone, once as a user's file and once as declarations only.
compiles() {
    label=$1 suffix=$2
    shift 2
    printf '#define OMP_TRANSPLANT_IMPLEMENTATION\n#include "omp_transplant.h"\n#include "omp_transplant.h"\n' \
        >"$build/whole.$suffix"
    printf '#include "omp_transplant.h"\nextern int x; int x;\n' >"$build/declarations.$suffix"
    "$@" -I. -c "$build/whole.$suffix" -o "$build/whole.o"
    status=$?
    case "$*" in
    *OTX_STATIC*) ;; # static functions are declared where they are defined, and only there
    *) "$@" -I. -c "$build/declarations.$suffix" -o "$build/declarations.o" || status=1 ;;
    esac
    count "$label" $status
}

# The README's C example is what it says.
readme() {
    sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' >"$build/readme.c"
    $CC -I. "$build/readme.c" -o "$build/readme" -lm &&
        rm -rf "$build/readme.out" &&
        "$build/readme" examples/models/base examples/models/donor "$build/readme.out" |
        grep -q '^948 tokens made$'
    count "the example of README.md" $?
}

build_tool() {
    $CC -O2 $(openmp $CC) -I. examples/transplant.c -o "$build/transplant" -lm
    count "examples/transplant.c" $?
}

everyday() {
    ./amalgamate.sh --check
    count "amalgamate.sh --check" $?
    readme
    suites "$CC" "" $CC -std=c99 -O2 $(openmp $CC) -I.
    suite "contraction behind the header" ./tests/test_contraction.sh
    suite "what the header asks for and gives" ./tests/test_linkage.sh
    build_tool
    if have python3; then
        suite "the tool from the outside" python3 tests/test_tool.py "$build/transplant"
        $CC -O2 -I. tests/solve_window.c -o "$build/solve_window" -lm
        count "tests/solve_window.c" $?
        suite "windows of the targets, a process each" python3 tests/test_windows.py \
            "$build/transplant" "$build/solve_window"
    else
        skip "the tool from the outside" "no python3"
    fi
    for compiler in gcc clang; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        # Optimised once, for the warnings that take it.
        compiles "$compiler C99, strict" c $compiler -std=c99 -O2 $strict
        compiles "$compiler C11, strict, OTX_STATIC" c $compiler -std=c11 $strict -DOTX_STATIC
    done
    for compiler in g++ clang++; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        compiles "$compiler C++11, strict" cc $compiler -std=c++11 $strict
    done
}

. tests/full.sh
if [ $what = clients ]; then build_tool; else everyday; fi
case $what in
full) thorough ;;
clients) clients ;;
esac

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
