#!/bin/sh
# Which lines of the implementation the tests run: gcc's --coverage under the suites in C, those
# of the tool, the comparisons with NumPy, and the tool on a system that fails or changes its files.
#   ./tests/coverage.sh            all of it, half an hour or so; a table of the wings
#   ./tests/coverage.sh SUITE...   these suites again, added to what an earlier run counted
#   ./tests/coverage.sh --table    what was counted, once more
# What no test runs stands in tests/uncovered.txt, with the reason; tests/coverage.py compares.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh

build=${OTX_TEST_BUILD:-build/coverage}
for needed in gcc gcov python3; do
    have $needed || { echo "no $needed"; exit 77; }
done
mkdir -p "$build"
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 OTX_TEST_SMALL=1
export OTX_OPENMP="${OTX_OPENMP-$(openmp gcc)}"
# With files as the tool has them, whose calls the shim takes.
flags="-std=c99 -O0 -D_FILE_OFFSET_BITS=64 --coverage $OTX_OPENMP -I$build -I."
stub=tests/hostile/covered.c

if [ $# -eq 0 ]; then
    rm -f "$build"/*.gcda "$build"/*.gcno "$build"/*.o "$build"/test_*
    set -- $(ls tests/test_*.c tests/test_tool*.py | sed 's,.*/\(.*\)\..*,\1,') \
        evaluate_twin pieces_twin affine_twin method_twins windows faults changing
fi

# The header, with the same lines: what computes is optimised, which would take too long
# otherwise. The pragmas stand where lines are empty before the marks of rooms.
computes() {
    awk '
        NR > 1 && /^\/\* >>> src\/simd\/chapter/ { before = "#pragma GCC optimize(\"O2\")" }
        NR > 1 && /^\/\* >>> src\/methods\/chapter/ { before = "#pragma GCC reset_options" }
        NR > 1 { print before }
        { before = $0 }
        END { print before }' omp_transplant.h
}

# The implementation that the suites of the public API and the tool share.
if [ "$1" != --table ] && [ "$1" != --one ] && [ ! -f "$build/implementation.o" ]; then
    computes >"$build/omp_transplant.h"
    gcc $flags -fPIC -x c -DOMP_TRANSPLANT_IMPLEMENTATION -c "$build/omp_transplant.h" \
        -o "$build/implementation.o"
    count "the implementation" $?
    gcc $flags -DOMP_TRANSPLANT_IMPLEMENTED -c examples/transplant.c -o "$build/transplant.o" &&
        gcc $flags "$build/transplant.o" -x c $stub -x none "$build/implementation.o" \
            -o "$build/transplant" -lm -ldl
    count "examples/transplant.c" $?
fi

# A suite in C, built unless it was: private ones count the implementation in themselves. What
# the suite itself does is not counted.
suite_in_c() {
    name=$build/$1 object=$build/implementation.o own="-std=c99 -O2 $OTX_OPENMP -I$build -I."
    if includes_implementation "tests/$1.c"; then
        object='' own="$flags -fprofile-filter-files=omp_transplant.h\$"
    fi
    if [ ! -x "$name" ] || [ "tests/$1.c" -nt "$name" ]; then
        rm -f "$name-suite.gcda"
        gcc $own -c "tests/$1.c" -o "$name-suite.o" &&
            gcc $flags "$name-suite.o" $object -o "$name" -lm -pthread || return 1
    fi
    "$name"
}

# The tool on a system that fails, or whose files change: this script of tests/hostile.
failing_system() {
    shim=$build/$1-shim.so
    if [ "$(uname)" = Linux ] &&
        gcc -O1 -shared -fPIC tests/hostile/shim.c -o "$shim" -ldl 2>/dev/null; then
        python3 "tests/hostile/$1.py" "$build/transplant" "$shim" --most "$2"
    else
        echo "skipped $1: needs Linux and glibc"
        return 77
    fi
}

# Processes that divide the targets, and the program that they are made of.
windows() {
    gcc -std=c99 -O1 $OTX_OPENMP -I"$build" -I. -c tests/solve_window.c \
        -o "$build/solve_window.o" &&
        gcc $flags "$build/solve_window.o" "$build/implementation.o" -o "$build/solve_window" \
            -lm -pthread &&
        python3 tests/test_windows.py "$build/transplant" "$build/solve_window"
}

if [ "$1" = --one ]; then # what xargs runs below
    case $2 in
    faults) failing_system faults 3 ;;
    changing) failing_system changing 1 ;;
    windows) windows ;;
    affine_twin | method_twins)
        CC=gcc OTX_TEST_OBJECT="$build/implementation.o --coverage $OTX_OPENMP" \
            python3 "tests/$2.py" ;;
    test_tool* | *_twin) python3 "tests/$2.py" "$build/transplant" ;;
    *) suite_in_c "$2" ;;
    esac >"$build/$2.out" 2>&1
    echo $? >"$build/$2.status"
    exit 0
fi

if [ "$1" != --table ]; then
    printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 ./tests/coverage.sh --one
    for name; do suite "$name" replay "$build/$name"; done
fi
suite "coverage" python3 tests/coverage.py "$build"
echo
finish
