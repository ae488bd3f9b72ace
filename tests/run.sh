#!/bin/sh
# Builds and runs the tests.
#   ./tests/run.sh          what contributors run: the suites, the tool, strict warnings
#   ./tests/run.sh --full   and again under sanitizers, with every compiler and language
#                           standard here, on an emulated Arm, and against the real
#                           clients (Python packages, installed into build/)
#   ./tests/run.sh --clients     only the tool against the real clients
#   ./tests/run.sh --platforms   every platform that can be built for here, a row each
#   ./tests/run.sh --hostile     a system that fails, the largest inputs; hours of fuzzing
#   ./tests/run.sh --web         the page of examples/web, in a headless Chromium
#   ./tests/run.sh test_json test_tool_verify ...   only these suites
# CC chooses the compiler. The last line adds everything up. tests/README.md says what each
# file here is for.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh
. tests/full.sh

what=everyday
case "${1-}" in
"") ;;
--full) what=full ;;
--clients) what=clients ;;
--platforms) exec ./tests/platforms.sh ;;
--hostile) exec ./tests/hostile.sh --long ;;
--web) what=web ;;
--warnings) what=warnings ;;     # a part of the everyday run
--one-by-one) what=one_by_one ;; # a part of --full
test_*) what=chosen ;;
*)
    echo "usage: tests/run.sh [--full | --clients | --platforms | --hostile | --web |" \
        "SUITE...]" >&2
    exit 2 ;;
esac

CC=${CC:-cc}
export CC
build=${OTX_TEST_BUILD:-build/tests}
mkdir -p "$build"
tool_suites="test_tool test_tool_files test_tool_reports test_tool_verify test_tool_refusals
    test_tool_advice test_tool_advice_files test_tool_methods test_tool_gguf test_tool_evaluate
    test_tool_draft test_tool_map test_tool_reshape test_tool_count"

# Threads that wait should sleep: on a busy machine they would take turns spinning.
export OMP_WAIT_POLICY=passive

# Runs suites, as many at a time as there are cores: suites LABEL RUNNER ONCE COMPILER
# FLAGS... They are the files in $sources, tests/test_*.c and *.sh. Suites of the public API
# are linked with $build/implementation.o, which is compiled once and first, with the flags
# in ONCE besides; those that look at private functions include the implementation; scripts
# find the object in OTX_TEST_OBJECT.
suites() {
    label=$1 runner=$2 once=$3 cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
    shift 3
    private=
    for source in $sources; do
        includes_implementation "$source" && private="$private $source"
    done
    rm -f "$build"/test_* "$build"/implementation.*
    printf '%s\n' implementation $private $sources | awk '!seen[$0]++' |
        xargs -P "$cores" -I'{}' sh -c '
            build=$1 runner=$2 once=$3 private=$4 implementation=$1/implementation
            shift 4
            name=$build/$(basename "${0%.*}")
            case $0 in
            implementation)
                "$@" $once -x c -DOMP_TRANSPLANT_IMPLEMENTATION -c omp_transplant.h \
                    -o "$implementation.o"
                echo $? >"$implementation.status"
                exit 0 ;;
            *.sh)
                until [ -f "$implementation.status" ]; do sleep 1; done
                OTX_TEST_OBJECT=$implementation.o "$0" >"$name.out" 2>&1 ;;
            *)
                object=
                case " $private " in
                *" $0 "*) ;;
                *)
                    object=$implementation.o
                    until [ -f "$implementation.status" ]; do sleep 1; done
                    [ -f "$object" ] || exit 0 ;;
                esac
                "$@" "$0" $object -o "$name" -lm -pthread || exit 0
                $runner "$name" >"$name.out" 2>&1 ;;
            esac
            echo $? >"$name.status"' '{}' "$build" "$runner" "$once" "$private" "$@"
    count "the implementation, $label" "$(cat "$build/implementation.status")"
    [ -f "$build/implementation.o" ] || return 1
    for source in $sources; do
        name=$build/$(basename "${source%.*}")
        case $source in
        *.sh) title=$(basename "${source%.*}") ;;
        *) title="$(basename "${source%.*}"), $label" ;;
        esac
        if [ -f "$name.status" ]; then
            suite "$title" replay "$name"
        else
            count "$title: build" 1
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

# The README's C example is what it says: readme FLAGS AND OBJECTS.
readme() {
    sed -n '/^```c$/,/^```$/p' README.md | grep -v '^```' >"$build/readme.c"
    $CC -I. "$build/readme.c" "$@" -o "$build/readme" -lm &&
        rm -rf "$build/readme.out" &&
        "$build/readme" examples/models/base examples/models/donor "$build/readme.out" |
        grep -q '^948 tokens made$'
    count "the example of README.md" $?
}

# Builds a program with the implementation that the suites were linked with: told that it
# has been there, the header leaves its own out.
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

# That the tool compiles as README.md has it; and its suites, on one that is linked.
tools() {
    $CC -std=c99 $strict $(openmp $CC) -I. -fsyntax-only examples/transplant.c
    count "examples/transplant.c, strict" $?
    linked examples/transplant.c "$build/transplant"
    if ! have python3; then skip "the tool from the outside" "no python3"; return; fi
    tool "$CC" "$build/transplant" $tool_suites
    linked tests/solve_window.c "$build/solve_window"
    suite "windows of the targets, a process each" python3 tests/test_windows.py \
        "$build/transplant" "$build/solve_window"
    object="$build/implementation.o $(openmp $CC)"
    suite "affine maps, against NumPy" env CC="$CC" OTX_TEST_OBJECT="$object" \
        python3 tests/affine_twin.py
    suite "methods, against NumPy" env CC="$CC" OTX_TEST_OBJECT="$object" \
        python3 tests/method_twins.py
    suite "evaluations, against NumPy" python3 tests/evaluate_twin.py "$build/transplant"
    suite "pieces, against NumPy" python3 tests/pieces_twin.py "$build/transplant"
}

# A suite as C++, with the implementation that was compiled as C++ just before.
as_cxx() {
    $1 -std=c++11 -I. -x c++ tests/test_job.c -x none "$build/whole.o" \
        -o "$build/test_job" -pthread
    count "test_job, $1: build" $?
    suite "test_job, $1" "$build/test_job"
}

# Whether two compilers are one by two names: cc may be gcc or clang.
same() { [ "$($1 --version 2>&1 | sed 's/^[^ ]* //')" = "$($2 --version | sed 's/^[^ ]* //')" ]; }

warnings() {
    for compiler in gcc clang; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        # The implementation was compiled so by $CC.
        same "$CC" $compiler || compiles "$compiler C99, strict" c $compiler -std=c99 $strict
        also=
        if [ $compiler = clang ]; then also=-Wmisleading-indentation; fi
        compiles "$compiler C11, strict, OTX_STATIC" c $compiler -std=c11 $strict $also \
            -DOTX_STATIC
    done
    for compiler in g++ clang++; do
        if ! have $compiler; then skip "warnings of $compiler" "not installed"; continue; fi
        compiles "$compiler C++11, strict" cc $compiler -std=c++11 $strict
        if [ $compiler = g++ ]; then as_cxx g++; fi
    done
}

everyday() {
    ./amalgamate.sh --check
    count "amalgamate.sh --check" $?
    if have python3; then suite "the tree" python3 tests/test_tree.py
    else skip "the tree" "no python3"; fi
    sources=$(ls tests/test_*.c tests/test_*.sh)
    # -fPIC is for the shared library among the examples.
    if ! suites "$CC" "" "-fPIC $strict" $CC -std=c99 -O1 $(openmp $CC) -I.; then return; fi
    readme $(openmp $CC) -DOMP_TRANSPLANT_IMPLEMENTED "$build/implementation.o"
    # The tool keeps one core busy; compilers have the other.
    OTX_TEST_BUILD=$build-warnings ./tests/run.sh --warnings >"$build/warnings.out" 2>&1 &
    tools
    wait
    suite "every compiler, without a warning" cat "$build/warnings.out"
}

# Only the suites that are named.
chosen() {
    sources=
    for name; do
        for source in "tests/$name.c" "tests/$name.sh"; do
            if [ -f "$source" ]; then sources="$sources $source"; fi
        done
    done
    suites "$CC" "" "" $CC -std=c99 -O2 $(openmp $CC) -I. || return
    rm -f "$build/transplant"
    for name; do
        case $name in
        test_tree) suite "the tree" python3 tests/test_tree.py ;;
        test_tool*)
            [ -f "$build/transplant" ] || linked examples/transplant.c "$build/transplant"
            tool "$CC" "$build/transplant" "$name" ;;
        esac
    done
}

# The page, which needs a browser and a compiler for WebAssembly; pictures lie beside it.
web() {
    page=$build/web/transplant.html
    if ! have python3; then skip "the page" "no python3"; return; fi
    rm -rf "$build/web"
    examples/web/build.sh "$page"
    status=$?
    if [ $status -eq 77 ]; then skip "the page" "clang cannot build for wasm32-wasi"; return; fi
    count "examples/web/build.sh" $status
    $CC -O1 $(openmp $CC) -I. examples/transplant.c -o "$build/transplant" -lm
    count "examples/transplant.c" $?
    suite "the page, in Chromium" python3 tests/web_page.py "$build/transplant" "$page"
}

case $what in
everyday) everyday ;;
full) everyday; thorough ;;
clients | one_by_one | warnings | web) $what ;;
chosen) chosen "$@" ;;
esac
echo
finish
