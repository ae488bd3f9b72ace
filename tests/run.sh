#!/bin/sh
# Builds and runs the tests.
#   ./tests/run.sh          what contributors run: the suites, the tool, strict warnings
#   ./tests/run.sh --full   and again under sanitizers, with every compiler and language
#                           standard here, on an emulated Arm, and against the real
#                           clients (Python packages, installed into build/)
#   ./tests/run.sh --clients   only the tool against the real clients
#   ./tests/run.sh test_json test_tool_verify ...   only these suites
# CC chooses the compiler. The last line adds everything up. What each file here is for,
# tests/README.md says.
set -u
cd "$(dirname "$0")/.." || exit 1

what=everyday
case "${1-}" in
"") ;;
--full) what=full ;;
--clients) what=clients ;;
test_*) what=chosen ;;
*) echo "usage: tests/run.sh [--full | --clients | SUITE...]" >&2; exit 2 ;;
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

# The suites that look at private functions: they include the implementation.
including() {
    grep -l '^#define OMP_TRANSPLANT_IMPLEMENTATION' "$@"
}

# Builds and runs C suites, all of them or those that $only names, as many at a time as
# there are cores: suites LABEL RUNNER WARNINGS COMPILER FLAGS... What the suites of the
# public API are linked with, the implementation, is compiled once, first, and stays in
# $build/implementation.o.
suites() {
    label=$1 runner=$2 warnings=$3 cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    shift 3
    sources=${only:-$(ls tests/test_*.c)}
    private=$(including $sources)
    rm -f "$build"/test_* "$build"/implementation.*
    printf '%s\n' implementation $private $sources | awk '!seen[$0]++' |
        xargs -P "$cores" -I'{}' sh -c '
            build=$1 runner=$2 warnings=$3 private=$4 implementation=$1/implementation
            shift 4
            if [ "$0" = implementation ]; then
                "$@" $warnings -x c -DOMP_TRANSPLANT_IMPLEMENTATION -c omp_transplant.h \
                    -o "$implementation.o"
                echo $? >"$implementation.status"
                exit 0
            fi
            case $private in
            *"$0"*) object= ;;
            *)
                object=$implementation.o
                until [ -f "$implementation.status" ]; do sleep 1; done ;;
            esac
            name=$build/$(basename "$0" .c)
            "$@" "$0" $object -o "$name" -lm -pthread || exit 0
            $runner "$name" >"$name.out" 2>&1
            echo $? >"$name.status"' '{}' "$build" "$runner" "$warnings" "$private" "$@"
    count "the implementation, $label" "$(cat "$build/implementation.status")"
    for source in $sources; do
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
    include='#include "omp_transplant.h"'
    printf '#define OMP_TRANSPLANT_IMPLEMENTATION\n%s\n%s\n' "$include" "$include" \
        >"$build/whole.$suffix"
    printf '%s\nextern int x; int x;\n' "$include" >"$build/declarations.$suffix"
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

# The tool as README.md has it, and for its suites linked with the implementation.
build_tool() {
    $CC -fopenmp -I. -fsyntax-only examples/transplant.c 2>/dev/null ||
        $CC -I. -fsyntax-only examples/transplant.c
    count "examples/transplant.c" $?
    linked examples/transplant.c "$build/transplant"
}

# Builds a program with the implementation that the suites are linked with: what makes the
# header leave out its own is that it is told it has been.
linked() {
    $CC -O2 $(openmp $CC) -I. -DOMP_TRANSPLANT_IMPLEMENTED "$1" "$build/implementation.o" \
        -o "$2" -lm
    count "$1, linked with the implementation" $?
}

# The suites of the tool: tool LABEL PROGRAM SUITE...
tool() {
    label=$1 program=$2
    shift 2
    for name; do suite "$name, $label" python3 "tests/$name.py" "$program"; done
}

everyday() {
    ./amalgamate.sh --check
    count "amalgamate.sh --check" $?
    readme
    # -O3 is what README.md has, and the fastest here.
    suites "$CC" "" "$strict" $CC -std=c99 -O3 $(openmp $CC) -I.
    suite "contraction behind the header" ./tests/test_contraction.sh
    suite "what the header asks for and gives" ./tests/test_linkage.sh
    build_tool
    if have python3; then
        tool "$CC" "$build/transplant" $tool_suites
        linked tests/solve_window.c "$build/solve_window"
        suite "windows of the targets, a process each" python3 tests/test_windows.py \
            "$build/transplant" "$build/solve_window"
        suite "affine maps, against NumPy" env CC="$CC" python3 tests/affine_twin.py
    else
        skip "the tool from the outside" "no python3"
    fi
    for compiler in gcc clang; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        compiles "$compiler C99, strict" c $compiler -std=c99 $strict
        compiles "$compiler C11, strict, OTX_STATIC" c $compiler -std=c11 $strict -DOTX_STATIC
    done
    for compiler in g++ clang++; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        compiles "$compiler C++11, strict" cc $compiler -std=c++11 $strict
        [ $compiler = g++ ] && as_cxx $compiler
    done
}

# A suite as C++, with the implementation that was compiled as C++ just before.
as_cxx() {
    $1 -std=c++11 -I. -x c++ tests/test_job.c -x none "$build/whole.o" \
        -o "$build/test_job" -pthread
    count "test_job, $1: build" $?
    suite "test_job, $1" "$build/test_job"
}

# Only the suites that are named.
chosen() {
    only=
    for name; do
        if [ -f "tests/$name.c" ]; then only="$only tests/$name.c"; fi
    done
    suites "$CC" "" "" $CC -std=c99 -O2 $(openmp $CC) -I.
    for name; do
        if [ -f "tests/$name.sh" ]; then suite "$name" "tests/$name.sh"; fi
        case $name in
        test_tool*)
            [ -f "$build/transplant" ] || linked examples/transplant.c "$build/transplant"
            tool "$CC" "$build/transplant" "$name" ;;
        esac
    done
}

tool_suites="test_tool test_tool_reports test_tool_verify test_tool_refusals"
only=
. tests/full.sh
case $what in
everyday) everyday ;;
full) everyday && thorough ;;
clients) clients ;;
chosen) rm -f "$build/transplant" && chosen "$@" ;;
esac

echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
