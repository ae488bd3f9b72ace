#!/bin/sh
# The examples: each is compiled as it says, runs, and prints what is expected.
#   ./tests/test_examples.sh
# OTX_TEST_OBJECT may name the implementation, compiled before: then they are linked with it,
# as the everyday run does, and leave their own out.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh

CC=${CC:-cc}
object=${OTX_TEST_OBJECT-}
build=build/tests/examples
base=examples/models/base donor=examples/models/donor
rm -rf "$build"
mkdir -p "$build"
openmp=$(openmp $CC)

# Builds an example of one file: compiled NAME.
compiled() {
    if [ "$object" ] && ! grep -q '^#define OTX_STATIC' "examples/$1.c"; then
        $CC -std=c99 $strict $openmp -I. -DOMP_TRANSPLANT_IMPLEMENTED "examples/$1.c" \
            "$object" -o "$build/$1" -lm
    else
        $CC -std=c99 $strict -O1 -I. "examples/$1.c" -o "$build/$1" -lm
    fi
    count "examples/$1.c: build" $?
}

# That a command prints a text: prints NAME TEXT COMMAND...
prints() {
    name=$1 wanted=$2
    shift 2
    "$@" >"$build/printed" 2>"$build/errors"
    status=$?
    printf '%s\n' "$wanted" >"$build/wanted"
    if [ $status -eq 0 ] && diff "$build/wanted" "$build/printed"; then
        count "$name" 0
    else
        cat "$build/errors"
        count "$name (status $status)" 1
    fi
}

for name in solve_arrays compare_vocabularies hooks edit_json write_safetensors average; do
    compiled $name
done
prints solve_arrays "target 0: +4 * atom 3 +1 * atom 0, residual 0.000
target 1: -6 * atom 2, residual 0.000" "$build/solve_arrays"
prints compare_vocabularies "$base: 2048 tokens, byte-level
$donor: 2560 tokens, metaspace
copy        1609
role        3
approximate 948
only in the second: 0 \"<unk>\"
only in the second: 381 \" wi\"
only in the second: 437 \"RD\"
only in the second: 438 \" LO\"
only in the second: 442 \"ere\"" "$build/compare_vocabularies" $base $donor
"$build/hooks" $base $donor "$build/out" 2>/dev/null |
    sed 's/within [0-9]* MiB/within N MiB/' >"$build/hooks.txt"
prints hooks "OTX_ERROR_CANCELLED: cancelled
0 bytes in use
done within N MiB, 0 bytes in use" cat "$build/hooks.txt"
prints edit_json "ends with token 1
ends with token 2
{
  \"model_type\": \"llama\",
  \"rope_theta\": 1e+04,
  \"vocab_size\": 32064,
  \"eos_token_id\": [1, 2],
  \"pad_token_id\": 0
}" "$build/edit_json"
prints write_safetensors "embedding: BF16, 12 bytes
scale: F32, 8 bytes" "$build/write_safetensors" "$build/x.safetensors"

if [ "$object" ]; then
    $CC $openmp -I. -DOMP_TRANSPLANT_IMPLEMENTED examples/transplant.c "$object" \
        -o "$build/transplant" -lm
else
    $CC -O1 -I. examples/transplant.c -o "$build/transplant" -lm
fi
count "examples/transplant.c: build" $?
env TRANSPLANT="$build/transplant" AVERAGE="$build/average" examples/merge.sh "$build/merged" \
    2>"$build/errors" | head -n 2 >"$build/merge.txt"
prints merge.sh "30 tensors averaged
$build/merged: 0 errors, 0 warnings" cat "$build/merge.txt"

version=$(sed -n 's/^#define OTX_VERSION_STRING "\(.*\)"/\1/p' omp_transplant.h)
if [ "$object" ]; then
    $CC -std=c99 $openmp -I. examples/two_units/main.c "$object" -o "$build/two_units" -lm
else
    $CC -std=c99 $strict -I. examples/two_units/main.c examples/two_units/omp_transplant.c \
        -o "$build/two_units" -lm
fi
count "examples/two_units: build" $?
prints two_units "version $version: 0 errors, 0 warnings" "$build/two_units" $base

if have python3; then
    if [ "$object" ]; then
        $CC -shared $openmp "$object" -o "$build/libomp_transplant.so" -lm
    else
        $CC -shared -fPIC -fvisibility=hidden -I. \
            '-DOTX_API=__attribute__((visibility("default")))' \
            examples/two_units/omp_transplant.c -o "$build/libomp_transplant.so" -lm
    fi
    count "a shared library: build" $?
    prints shared_library.py "version $version
[[(3, 4.0), (0, 1.0)], [(2, -6.0)]]" \
        python3 examples/shared_library.py "$build/libomp_transplant.so"
else
    skip shared_library.py "no python3"
fi

# The library and the tool by CMake, and a program that finds the library by pkg-config.
if have cmake && cmake --version >/dev/null 2>&1; then
    # pkg-config's words are split at blanks, which the path of the project may have.
    prefix=$(mktemp -d "${TMPDIR:-/tmp}/otx-installed.XXXXXX")
    trap 'rm -rf "$prefix"' EXIT
    cmake -S examples/cmake -B "$build/cmake" -DCMAKE_BUILD_TYPE=Debug \
        "-DCMAKE_INSTALL_PREFIX=$prefix" >"$build/cmake.txt" 2>&1 &&
        cmake --build "$build/cmake" >>"$build/cmake.txt" 2>&1 &&
        cmake --install "$build/cmake" >>"$build/cmake.txt" 2>&1 || cat "$build/cmake.txt"
    "$prefix/bin/transplant" --version >"$build/version.txt"
    prints "the tool of CMake" "transplant $version" head -n 1 "$build/version.txt"
    if have pkg-config; then
        found=$(echo "$prefix"/lib*/pkgconfig "$prefix"/lib/*/pkgconfig | tr ' ' ':')
        flags=$(PKG_CONFIG_PATH=$found pkg-config --cflags --libs omp_transplant)
        $CC -std=c99 examples/two_units/main.c $flags -o "$prefix/two_units"
        count "a program by pkg-config: build" $?
        prints "a program by pkg-config" "version $version: 0 errors, 0 warnings" \
            "$prefix/two_units" $base
    else
        skip "pkg-config" "not installed"
    fi
else
    skip "examples/cmake" "no cmake"
fi
finish
