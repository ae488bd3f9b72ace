#!/bin/sh
# What reads before it writes, leaks or races.
#   tests/hostile/sanitize.sh TRANSPLANT          valgrind on the tool, under a minute
#   tests/hostile/sanitize.sh TRANSPLANT --long   valgrind on more; MSan and TSan: half an hour
# MSan, of clang, is on scalar code: it does not know what all vector instructions write. The
# threads of OpenMP are those of clang's runtime, whose tool Archer tells TSan of its barriers;
# without it, each would be told as a race.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/checks.sh

build=${OTX_TEST_BUILD:-build/tests}/sanitize
tool=$1
models=examples/models
mkdir -p "$build"
export OTX_TEST_SMALL=1

# The tool under valgrind, without a word of it: checked NAME ARGUMENTS...
checked() {
    label=$1
    shift
    valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=all \
        --errors-for-leak-kinds=all "$tool" "$@" -q >"$build/said" 2>&1
    status=$?
    if [ $status -ne 0 ] || grep -q '^==' "$build/said"; then
        tail -n 40 "$build/said"
        count "valgrind, $label (status $status)" 1
    else
        count "valgrind, $label" 0
    fi
}

# A program that leaks and goes by what nobody wrote, which valgrind and MSan must tell; and one
# with a race, which TSan must.
faulty() {
    cat >"$build/faulty.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    int *volatile numbers = (int *)malloc(8), *volatile lost = (int *)malloc(8);
    if (!numbers || !lost) return 0;
    lost = NULL;
    if (numbers[1] > 5) puts("more");
    free(numbers);
    return 0;
}
END
    cat >"$build/racing.c" <<'END'
#include <stdio.h>
int main(void)
{
    int count = 0, i;
#pragma omp parallel for num_threads(4) schedule(static, 1)
    for (i = 0; i < 400000; i++) count++;
    printf("%d\n", count);
    return 0;
}
END
}

under_valgrind() {
    if ! have valgrind; then skip "valgrind" "not installed"; return; fi
    ${CC:-cc} -g "$build/faulty.c" -o "$build/faulty" &&
        ! valgrind -q --error-exitcode=99 "$build/faulty" >"$build/said" 2>&1
    count "valgrind sees a fault" $?
    rm -rf "$build"/out-*
    checked "mean" $models/base $models/donor "$build/out-mean" -a mean --threads 1
    checked "affine" $models/base $models/donor "$build/out-affine" -a affine --threads 1
    checked "evaluate" evaluate $models/base $models/donor --methods omp -k 6 --holdout 3%
    checked "trim" trim $models/base "$build/out-trim" --first 500
    checked "map" map $models/base $models/donor --json "$build/map.json"
    [ -n "$long" ] || return
    checked "omp" $models/base $models/donor "$build/out-omp" -a omp -k 8 --threads 1
    checked "omp-affine" $models/base $models/donor "$build/out-omp-affine" --threads 1
    checked "verify" verify "$build/out-omp-affine"
    checked "count" count $models/base $models/heldout.txt
}

# Suites by clang, those of the public API with one implementation: suites_with NAME "SUITE..."
# FLAGS...
suites_with() {
    label=$1 names=$2
    shift 2
    if ! clang "$@" -I. -x c -DOMP_TRANSPLANT_IMPLEMENTATION -c omp_transplant.h \
        -o "$build/implementation.o"; then
        count "the implementation, $label" 1
        return
    fi
    for name in $names; do
        object=$build/implementation.o
        if includes_implementation "tests/$name.c"; then object=; fi
        clang "$@" -I. "tests/$name.c" $object -o "$build/$name" -lm -pthread
        count "$name, $label: build" $?
        suite "$name, $label" "$build/$name"
    done
}

# Whether clang builds and runs a program so: builds FLAGS...
builds() {
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    have clang && clang "$@" "$build/probe.c" -o "$build/probe" 2>/dev/null && "$build/probe"
}

uninitialised() {
    flags="-std=c99 -g -O1 -DOTX_NO_SIMD -fsanitize=memory -fno-sanitize-recover=all"
    if ! builds $flags; then skip "MSan" "no clang with it"; return; fi
    clang $flags "$build/faulty.c" -o "$build/faulty" && ! "$build/faulty" >"$build/said" 2>&1
    count "MSan sees a fault" $?
    names=$(for source in tests/test_*.c; do
        includes_implementation "$source" || basename "$source" .c
    done)
    suites_with "MSan" "$names" $flags
    # Old ones know lstat, and not lstat64, which is the same here.
    clang $flags -D_FILE_OFFSET_BITS=32 -I. -DOMP_TRANSPLANT_IMPLEMENTED examples/transplant.c \
        "$build/implementation.o" -o "$build/transplant" -lm
    count "examples/transplant.c, MSan" $?
    if ! have python3; then skip "the tool, MSan" "no python3"; return; fi
    for name in test_tool test_tool_files test_tool_reports test_tool_verify test_tool_refusals \
        test_tool_gguf test_tool_draft test_tool_map test_tool_reshape test_tool_count; do
        suite "$name, MSan" python3 "tests/$name.py" "$build/transplant"
    done
}

races() {
    flags="-std=c99 -g -O1 -fopenmp -fsanitize=thread"
    archer=$(clang -print-resource-dir 2>/dev/null)/../../libarcher.so
    if ! [ -f "$archer" ] || ! builds $flags; then
        skip "TSan" "no clang with it, OpenMP and libarcher.so"
        return
    fi
    export OMP_NUM_THREADS=4 OMP_TOOL_LIBRARIES="$archer"
    export TSAN_OPTIONS=ignore_noninstrumented_modules=1
    clang $flags "$build/racing.c" -o "$build/racing" &&
        ! "$build/racing" >"$build/said" 2>&1
    count "TSan sees a race" $?
    names="test_team test_golden test_omp_calls test_hooks test_methods test_evaluate"
    names="$names test_affine test_map"
    suites_with "TSan" "$names" $flags
}

long=
if [ "${2-}" = --long ]; then long=yes; fi
faulty
under_valgrind
if [ -n "$long" ]; then
    uninitialised
    races
else
    skip "MSan and TSan" "for --long"
fi
finish
