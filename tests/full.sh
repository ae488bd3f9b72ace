# What `tests/run.sh --full` adds to the everyday run; sourced by it.

# Address and undefined-behaviour sanitizers under both compilers.
sanitized() {
    for compiler in gcc clang; do
        if ! have $compiler; then skip "sanitizers of $compiler" "not installed"; continue; fi
        suites "$compiler, sanitized" "" $compiler -std=c99 -g -O1 -I. \
            -fsanitize=address,undefined -fno-sanitize-recover=all
    done
    gcc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I. \
        examples/transplant.c -o "$build/transplant-sanitized" -lm
    count "examples/transplant.c, sanitized" $?
    suite "the tool, sanitized" python3 tests/test_tool.py "$build/transplant-sanitized"
}

# Every language standard and build option, without a warning.
standards() {
    for compiler in gcc clang; do
        have $compiler || continue
        for standard in c99 c11 c17 c2x gnu99; do
            compiles "$compiler -std=$standard" c $compiler -std=$standard -O1 $strict
        done
        for option in OTX_NO_STDIO OTX_NO_SIMD OTX_STATIC; do
            compiles "$compiler -D$option" c $compiler -std=c99 -O1 $strict -D$option
        done
        compiles "$compiler with OpenMP" c $compiler -std=c99 -O1 $strict $(openmp $compiler)
    done
    for compiler in g++ clang++; do
        have $compiler || continue
        for standard in c++11 c++14 c++17 c++20; do
            compiles "$compiler -std=$standard" cc $compiler -std=$standard -O1 $strict
        done
    done
}

# The NEON kernels and another architecture's floats, under emulation.
emulated() {
    if have aarch64-linux-gnu-gcc && have qemu-aarch64; then
        aarch64-linux-gnu-gcc -std=c99 -O2 -static -I. tests/test_omp.c -o "$build/omp-arm" -lm
        count "test_omp for 64-bit Arm" $?
        suite "test_omp on an emulated 64-bit Arm" env OTX_TEST_SMALL=1 qemu-aarch64 "$build/omp-arm"
    else
        skip "64-bit Arm" "no cross compiler or no qemu-aarch64"
    fi
}

# Python with the packages named, in an environment of its own: python NAME PACKAGES...
python_with() {
    environment=$build/python-$1
    shift
    if [ ! -x "$environment/bin/python" ]; then python3 -m venv "$environment" || return 1; fi
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
        return 1
    echo "$environment/bin/python"
}

# The real clients: what they accept, and what they find in their own files.
clients() {
    python=$(python_with formats safetensors tokenizers numpy)
    if [ -z "$python" ]; then skip "real clients" "their packages cannot be installed"; return; fi
    $CC -O2 -I. tests/print_alignment.c -o "$build/print_alignment" -lm
    count "tests/print_alignment.c" $?
    suite "safetensors, against the package" "$python" tests/compare_safetensors.py "$CC"
    suite "vocabularies, against the package" "$python" tests/vocab_oracle.py \
        "$build/print_alignment"
    outputs=
    for method in omp omp-centred mean zero; do
        rm -rf "$build/out-$method"
        "$build/transplant" examples/models/base examples/models/donor "$build/out-$method" \
            -q -a $method
        count "a transplant of the example models by $method" $?
        outputs="$outputs $build/out-$method"
    done
    suite "outputs, opened by the packages" "$python" tests/open_output.py \
        examples/models/base examples/models/donor $outputs
}

thorough() {
    standards
    sanitized
    emulated
    clients
}
