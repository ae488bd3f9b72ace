#!/bin/sh
# Each layer as a header of its own: it builds alone, without a warning, in C and in C++, and
# the suites of that layer pass on it.
#   ./tests/test_layers.sh          with no option, and with all of them at once
#   ./tests/test_layers.sh --full   with every option, alone and together, the whole header
#                                   too; and every case of the suites
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh

CC=${CC:-cc}
build=${OTX_TEST_BUILD:-build/tests}/layers
full=${1-}
rm -rf "$build"
mkdir -p "$build"

# The suites that need no other layer, nor files. In the everyday run the solver's are cut
# short: they run whole on the whole header.
files="test_json test_json_edit test_safetensors test_gguf test_number test_blocks"
vocab="test_vocab test_digits test_align test_sources"
solve="test_omp test_omp_calls"
some="ties strong_offset centred tolerance_ends_a_target windows_join parallel_hook
    progress_and_cancel every_allocation_can_fail errors names"

# Compiles the header in a folder into an object, or only reads it, as the flags have it:
# compiles NAME FOLDER SUFFIX COMPILER FLAGS...
compiles() {
    name=$1 folder=$2 suffix=$3
    shift 3
    if ! have "$1"; then skip "$name" "no $1"; return 0; fi
    printf '#define OMP_TRANSPLANT_IMPLEMENTATION\n#include "omp_transplant.h"\n' \
        >"$build/whole.$suffix"
    "$@" $strict "-I$folder" -c "$build/whole.$suffix" -o "$folder/whole.o"
    count "$name" $?
}

# Runs suites on the header in a folder: runs NAME FOLDER FLAGS SUITE...
runs() {
    on=$1 folder=$2 flags=$3
    shift 3
    rm -f "$folder/whole.o"
    compiles "$on, $CC" "$folder" c $CC -std=c99 $flags
    for suite; do
        $CC -std=c99 $flags "-I$folder" "tests/$suite.c" "$folder/whole.o" \
            -o "$folder/$suite" -lm -pthread
        count "$suite on $on: build" $?
        suite "$suite on $on" "$folder/$suite"
    done
}

linkages='none -DOTX_STATIC -DOTX_API=__attribute__((visibility("default")))'

# With every option, alone and together, read by every compiler: combinations NAME FOLDER.
# OTX_SMALL is the solver's alone, and is read by two of them.
combinations() {
    with_solver=
    case $1 in solve | whole) with_solver=-DOTX_SMALL ;; esac
    for linkage in $linkages; do
        for memory in "" -DOTX_NO_STDIO; do
            for plain in "" -DOTX_NO_SIMD; do
                options="${linkage#none} $memory $plain"
                for with in "c gcc -std=c99" "c clang -std=c99" "cc g++ -std=c++11" \
                    "cc clang++ -std=c++11"; do
                    compiles "$1, $with $options" "$2" $with $options -fsyntax-only
                done
                [ "$with_solver" ] || continue
                for with in "c clang -std=c99" "cc g++ -std=c++11"; do
                    compiles "$1, $with $options $with_solver" "$2" $with $options \
                        $with_solver -fsyntax-only
                done
            done
        done
    done
}

# The tool with every option that leaves it its files, alone and together: a transplant byte
# for byte that of the tool with none.
tools() {
    wanted=
    for linkage in $linkages; do
        for plain in "" -DOTX_NO_SIMD; do
            for small in "" -DOTX_SMALL; do
                [ "$linkage" = none ] || [ -z "$plain$small" ] || continue # linkage is no sum
                options="${linkage#none} $plain $small"
                rm -rf "$build/tool" "$build/out"
                $CC -std=c99 -O1 $options -I. examples/transplant.c -o "$build/tool" -lm
                count "the tool, $options: build" $?
                "$build/tool" examples/models/base examples/models/donor "$build/out" -q \
                    -a omp -k 8
                count "the tool, $options: a transplant" $?
                if [ -z "$wanted" ]; then
                    wanted=$build/wanted
                    mv "$build/out" "$wanted"
                    continue
                fi
                diff -r "$wanted" "$build/out" >&2
                count "the tool, $options: byte for byte" $?
            done
        done
    done
}

for layer in files vocab solve; do
    folder=$build/$layer
    mkdir -p "$folder"
    ./amalgamate.sh --only $layer --output "$folder/omp_transplant.h"
    count "amalgamate.sh --only $layer" $?
    eval "suites=\$$layer"
    if [ "$full" ]; then
        combinations $layer "$folder"
        runs $layer "$folder" -O1 $suites
    else
        compiles "$layer, clang" "$folder" c clang -std=c99
        compiles "$layer, g++" "$folder" cc g++ -std=c++11
        compiles "$layer, clang++, all options" "$folder" cc clang++ -std=c++11 \
            -DOTX_STATIC -DOTX_NO_STDIO -DOTX_NO_SIMD
        optimised=
        if [ $layer = solve ]; then optimised=-O1; export OTX_TEST_ONLY="$(echo $some)"; fi
        runs $layer "$folder" "$optimised" $suites
    fi
done

if [ "$full" ]; then
    mkdir -p "$build/whole"
    cp omp_transplant.h "$build/whole/"
    combinations whole "$build/whole"
    for option in OTX_NO_STDIO OTX_NO_SIMD; do
        runs "$option" "$build/whole" "-O1 -D$option" $files $vocab $solve test_affine
    done
    runs OTX_SMALL "$build/whole" "-O1 -DOTX_SMALL" test_golden
    tools
fi
finish
