#!/bin/sh
# Every platform that can be built for and run here: a row each with its warnings, the golden
# cases, a small transplant byte for byte with the native one, and its sizes.
#   ./tests/platforms.sh             all that is installed, and what else differs on some: bare
#                                    metal, files of more than 4 GiB, Windows, WASI, layers
#   ./tests/platforms.sh LABEL...    these rows
# A row is skipped, with a word, where its compiler or its emulator is missing. Debian 12 has
# all, in gcc-12-multilib, clang-14, clang-19 and lld-19, musl-tools, tcc, qemu-user, gcc-ARCH
# and libc6-dev-ARCH-cross for each Linux, wasi-libc, libclang-rt-14-dev-wasm32, emscripten,
# nodejs, {gcc,g++}-mingw-w64-x86-64-posix, wine64, qemu-system-arm, gcc-arm-none-eabi and
# libnewlib-arm-none-eabi; its QEMU 7.2 fails in the rows with RVV, and the one of its
# backports, 10.0, does not. The last line adds everything up.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/checks.sh

build=${OTX_TEST_BUILD:-build/tests}/platforms
warn="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow"
warn="$warn -Wno-misleading-indentation" # as tests/checks.sh has it
wasm="-Wl,-z,stack-size=1048576 -D_WASI_EMULATED_SIGNAL -lwasi-emulated-signal"
wasm="$wasm -Wno-unused-command-line-argument"
emcc="emcc -std=c99 -O2 -msimd128 -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sTOTAL_STACK=1MB"
emcc="$emcc -sINITIAL_MEMORY=8MB -sEXIT_RUNTIME=1" # it must grow; what is printed last, too
threads="-pthread -sPROXY_TO_PTHREAD -sPTHREAD_POOL_SIZE=6"
emcc="$emcc -Wno-unused-command-line-argument -Wno-pthreads-mem-growth"
export NODE_PATH="${NODE_PATH-/usr/share/nodejs}" # where Debian has what its emcc looks for
node="node --no-warnings --no-experimental-fetch"
lld="-fuse-ld=lld -Wno-unused-command-line-argument"
wasi="$node tests/wasi.mjs | clang --target=wasm32-wasi -std=c99 -O2"
mingw=x86_64-w64-mingw32-gcc
a64="aarch64-linux-gnu-gcc -std=c99 -O2 -static"
sve="$a64 -march=armv8.2-a+sve"
x86="qemu-x86_64 -cpu"
big=-D_FILE_OFFSET_BITS=64 # files of a 64-bit host have numbers that 32 bits do not hold
armhf="arm-linux-gnueabihf-gcc -std=c99 -O2 -static $big"
armel="arm-linux-gnueabi-gcc -std=c99 -O2 -static -march=armv5te -mfloat-abi=soft $big"
s390x="s390x-linux-gnu-gcc -std=c99 -O2 -static -fexcess-precision=fast"
rv="qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0"
rvv="clang-19 --target=riscv64-linux-gnu -march=rv64gcv -I/usr/riscv64-linux-gnu/include"

# label | runner | compiler and flags; an "x" before the label: floats are not IEEE's there, so
# that bytes may differ.
rows() {
    sed -n 's/^ *| *//p' <<END
| x86-64, gcc -O0           |  | gcc -std=c99 -O0 -fopenmp
| x86-64, gcc -O1           |  | gcc -std=c11 -O1 -fopenmp
| x86-64, gcc -O2           |  | gcc -std=c17 -O2 -fopenmp
| x86-64, gcc -O3           |  | gcc -std=c99 -O3 -fopenmp
| x86-64, gcc, LTO          |  | gcc -std=c99 -O2 -flto -fopenmp
| x86-64, no SIMD           |  | gcc -std=c99 -O2 -DOTX_NO_SIMD
| x86-64, OTX_SMALL         |  | gcc -std=c99 -O2 -DOTX_SMALL -DOTX_NO_SIMD
| x86-64, g++ C++20         |  | g++ -std=c++20 -O2 -fopenmp
| x86-64, clang++ C++11     |  | clang++ -std=c++11 -O1
| x86-64, clang 14          |  | clang-14 -std=c99 -O2
| x86-64, clang 19          |  | clang-19 -std=c99 -O2
| x86-64, clang 19, LTO     |  | clang-19 -std=c99 -O2 -flto $lld
| x86-64, musl, static      |  | musl-gcc -std=c99 -O2 -static
| x86-64, tcc               |  | tcc -std=c99
| as Nehalem                | $x86 Nehalem | gcc -std=c99 -O2 -static
| as SandyBridge            | $x86 SandyBridge | gcc -std=c99 -O2 -static
| as Haswell                | $x86 Haswell | gcc -std=c99 -O2 -static
| as Skylake-Server         | $x86 Skylake-Server | gcc -std=c99 -O2 -static
| i686 with SSE2            |  | gcc-12 -m32 -std=c99 -O2 -msse2 -mfpmath=sse $m32
|x i686 without SSE         |  | gcc-12 -m32 -std=c99 -O2 -march=i686 -mno-sse $m32
| aarch64                   | qemu-aarch64 -cpu max | $a64
| aarch64, Cortex-A72       | qemu-aarch64 -cpu cortex-a72 | $a64
| aarch64, SVE of 256 bits  | qemu-aarch64 -cpu max,sve-default-vector-length=32 | $sve
| aarch64, SVE of 2048 bits | qemu-aarch64 -cpu max,sve-default-vector-length=256 | $sve
| armhf, NEON               | qemu-arm -cpu max | $armhf -mfpu=neon
| armhf                     | qemu-arm -cpu cortex-a9 | $armhf
| armel, soft floats        | qemu-arm -cpu arm926 | $armel
| riscv64                   | qemu-riscv64 | riscv64-linux-gnu-gcc -std=c99 -O2 -static
| riscv64, RVV of 128 bits  | $rv,vlen=128 | $rvv -std=c99 -O2 -static
| riscv64, RVV of 512 bits  | $rv,vlen=512 | $rvv -std=c99 -O2 -static
| s390x                     | qemu-s390x -cpu max | $s390x
| powerpc                   | qemu-ppc | powerpc-linux-gnu-gcc -std=c99 -O2 -static $big
| powerpc64                 | qemu-ppc64 | powerpc64-linux-gnu-gcc -std=c99 -O2 -static
| powerpc64le               | qemu-ppc64le | powerpc64le-linux-gnu-gcc -std=c99 -O2 -static
| mips                      | qemu-mips | mips-linux-gnu-gcc -std=c99 -O2 -static $big
| mips64el                  | qemu-mips64el | mips64el-linux-gnuabi64-gcc -std=c99 -O2 -static
| WASI                      | $wasi $wasm
| WASI with SIMD            | $wasi -msimd128 $wasm
| Emscripten                | $node | $emcc
| Emscripten, threads       | $node | $emcc $threads
| Windows, MinGW            | wine | $mingw -std=c99 -O2 -static
| Windows, MinGW, C++11     | wine | x86_64-w64-mingw32-g++ -std=c++11 -O2 -static
| Windows, MinGW, OpenMP    | wine | $mingw-posix -std=c99 -O2 -static -fopenmp
END
}
m32="-idirafter /usr/include/x86_64-linux-gnu"
rows_of_text=$(rows)

# The name of a program that is started by its file: what Windows and node go by.
program() {
    case $compiler in
    *mingw*) echo "$1.exe" ;;
    emcc*) echo "$1.js" ;;
    *) echo "$1" ;;
    esac
}

# Whether the compiler builds what the runner runs.
works() {
    echo 'int main(void) { return 0; }' >"$here/probe.c"
    have "${compiler%% *}" || { echo "no ${compiler%% *}"; return 1; }
    [ -z "$runner" ] || have "${runner%% *}" || { echo "no ${runner%% *}"; return 1; }
    probe=$(program "$here/probe")
    $compiler "$here/probe.c" -o "$probe" >/dev/null 2>&1 && $runner "$probe" >/dev/null 2>&1 ||
        { echo "cannot build, or not run"; return 1; }
}

# Builds a program with the implementation: linked SOURCE NAME FLAGS... clang has wasm-opt, where
# there is one, rewrite what is linked with -O, and it does not know all instructions.
linked() {
    source=$1 to=$(program "$here/$2") link=
    shift 2
    case $compiler in
    *wasm32*) link=-O0 ;;
    emcc*) link="--pre-js tests/emscripten.js" ;;
    esac
    # Programs are C, whatever the implementation is.
    main=$(echo "$compiler" | sed 's/clang++/clang/; s/g++/gcc/; s/=c++[0-9]*/=c99/')
    $main -I. "$@" -c "$source" -o "$here/main.o" >>"$here/log" 2>&1 &&
        $compiler $link "$here/main.o" "$here/implementation.o" -o "$to" -lm >>"$here/log" 2>&1
}

# Text and data of the implementation in kilobytes.
sizes() {
    size=size
    case $compiler in *-gcc*) size=$(${compiler%% *} -print-prog-name=size) ;; esac
    for tool in $size llvm-size llvm-size-19 llvm-size-14; do
        have "$tool" || continue
        "$tool" "$here/implementation.o" 2>/dev/null |
            awk 'NR == 2 && $1 > 0 { printf "%d / %d", $1 / 1024, ($2 + $3) / 1024; found = 1 }
                END { exit !found }' && return
    done
    printf -- '-'
}

# The deepest frame of one function, and which.
frame() {
    cat "$here"/*.su 2>/dev/null | sort -t "$(printf '\t')" -k2 -n | tail -n 1 |
        awk -F '\t' '{ n = split($1, at, ":"); printf "%d (%s)", $2, at[n]; found = 1 }
            END { if (!found) printf "-" }'
}

# Width and order of bytes, as the compiler says.
machine() {
    $compiler -dM -E -x c /dev/null 2>/dev/null | awk '
        $2 == "__SIZEOF_POINTER__" { width = 8 * $3 }
        $2 == "__BYTE_ORDER__" { big = $3 ~ /BIG/ }
        END { printf "%s, %s", width ? width : 64, big ? "big" : "little" }'
}

# One row. Prints its checks; the line of the table goes to a file.
row() {
    line=$(echo "$rows_of_text" | sed -n "$1p")
    label=$(echo "$line" | cut -d '|' -f 1 | sed 's/ *$//')
    runner=$(echo "$line" | cut -d '|' -f 2 | sed 's/^ *//; s/ *$//')
    compiler=$(echo "$line" | cut -d '|' -f 3 | sed 's/^ *//')
    here=$build/$1 exact=yes
    case $label in "x "*) exact= label=${label#x } ;; esac
    rm -rf "$here"
    mkdir -p "$here"
    reason=$(works) || { skip "$label" "$reason"; finish; return; }
    language=c usage=
    case $compiler in *++*) language=c++ ;; esac
    case $compiler in tcc*) ;; *) usage=-fstack-usage ;; esac
    $compiler $usage -c -x c /dev/null -o "$here/probe.o" >/dev/null 2>&1 || usage=
    quiet=$warn
    case $compiler in tcc*) quiet=-Wall ;; esac
    $compiler $quiet $usage -I. -DOMP_TRANSPLANT_IMPLEMENTATION -x $language -c \
        omp_transplant.h -o "$here/implementation.o" >"$here/log" 2>&1
    count "$label: the implementation" $?
    warnings=$(grep -c 'warning' "$here/log")
    [ "$warnings" -eq 0 ] || tail -n 20 "$here/log"
    count "$label: no warning" "$warnings"

    golden=no kernels=-
    if linked tests/test_golden.c golden; then
        case $runner in # what an emulator does in less than a minute
        qemu*) export OTX_TEST_ONLY="golden_wild_norms golden_target_is_anchor" ;;
        esac
        OTX_TEST_SMALL=1 $runner "$(program "$here/golden")" >"$here/golden.out" 2>&1
        grep -Eq '^[1-9][0-9]* passed, 0 failed' "$here/golden.out" && golden=yes
        kernels=$(sed -n 's/^kernels: *//p' "$here/golden.out" | head -n 1 | tr -d '\r')
    fi
    if grep -q '^qemu.* Assertion .* failed' "$here/golden.out" 2>/dev/null; then
        skip "$label" "the emulator fails an assertion of its own"
        finish
        return
    fi
    [ $golden = yes ] || tail -n 5 "$here/log" "$here/golden.out"
    [ $golden = yes ]
    count "$label: golden cases" $?

    case $compiler in *PROXY_TO_PTHREAD*)
        linked tests/test_hooks.c hooks &&
            OTX_TEST_ONLY="a_pool_solves_the_same a_pool_transplants_the_same" $runner \
                "$(program "$here/hooks")" >"$here/hooks.out" 2>&1
        grep -Eq '^2 passed, 0 failed' "$here/hooks.out"
        count "$label: a pool of threads" $? ;;
    esac

    same=no
    if linked examples/transplant.c transplant -DOMP_TRANSPLANT_IMPLEMENTED; then
        $runner "$(program "$here/transplant")" examples/models/base examples/models/donor \
            "$here/out" -q -a omp -k 8 >"$here/said" 2>&1
        if diff -r "$build/native" "$here/out" >"$here/differ" 2>&1; then same=yes
        elif [ -z "$exact" ] && [ -f "$here/out/model.safetensors" ]; then same=near
        fi
    fi
    [ $same != no ] || tail -n 5 "$here/log" "$here/said" "$here/differ"
    [ $same != no ]
    count "$label: a transplant, byte for byte" $?
    printf '%s|%s|%s|%s|%s|%s|%s|%s\n' "$label" "$(machine)" "$kernels" "$warnings" "$golden" \
        "$same" "$(sizes)" "$(frame)" >"$here/row"
    finish
}

# Bare Cortex-M images under QEMU, against the same program on this machine: bare LABEL MACHINE
# FLAGS...
bare() {
    label=$1 machine=$2
    shift 2
    here=$build/bare
    mkdir -p "$here"
    for program in arm-none-eabi-gcc qemu-system-arm; do
        have $program || { skip "$label" "no $program"; return; }
    done
    rm -f "$here/image.elf"
    arm-none-eabi-gcc -std=gnu99 -Os "$@" -mthumb -ffunction-sections -fdata-sections $warn \
        -Wno-unused-function -Werror -nostartfiles -Wl,--gc-sections -T tests/bare/cortex-m.ld \
        tests/bare/image.c tests/bare/start.c -o "$here/image.elf" -lm --specs=nano.specs &&
        timeout 120 qemu-system-arm -M "$machine" -nographic -semihosting-config \
            enable=on,target=native -kernel "$here/image.elf" >"$here/said" 2>&1 </dev/null
    count "$label: the image" $?
    ${CC:-cc} -O1 -DHOSTED tests/bare/image.c -o "$here/hosted" -lm && "$here/hosted" >"$here/host"
    grep -v arena "$here/host" >"$here/wanted"
    grep -v arena "$here/said" | diff "$here/wanted" - >&2
    count "$label: what it found" $?
    printf '%s: an image of %s bytes, %s bytes of the arena used\n' "$label" \
        "$(arm-none-eabi-size "$here/image.elf" | awk 'NR == 2 { print $1 + $2 }')" \
        "$(sed -n 's/^arena //p' "$here/said")"
}

# The solver alone on a Cortex-M4: at most 24 KB of code, and no frame of more than 4 KB.
bare_size() {
    here=$build/bare
    have arm-none-eabi-gcc || { skip "the solver's size" "no arm-none-eabi-gcc"; return; }
    ./amalgamate.sh --only solve --output "$here/solve.h"
    arm-none-eabi-gcc -std=c99 -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 \
        -ffunction-sections -fdata-sections -fstack-usage -DOTX_SMALL -DOTX_NO_SIMD \
        -DOTX_NO_STDIO -DOMP_TRANSPLANT_IMPLEMENTATION -x c -c "$here/solve.h" -o "$here/solve.o"
    count "the solver for a Cortex-M4" $?
    text=$(arm-none-eabi-size "$here/solve.o" | awk 'NR == 2 { print $1 }')
    deepest=$(frame)
    echo "the solver alone, Cortex-M4, -Os, OTX_SMALL: $text bytes of code, frame $deepest"
    [ "$text" -le 24576 ]
    count "the solver's code" $?
    [ "${deepest%% *}" -le 4096 ]
    count "the solver's frames" $?
}

# Models of more than 4 GiB: large LABEL OPTION COMPILER FLAGS... The tool asks for offsets of 64
# bits itself; an implementation that is compiled apart has what its flags say.
large() {
    label=$1 option=$2
    shift 2
    have python3 || { skip "$label" "no python3"; return; }
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    "$@" "$build/probe.c" -o "$build/probe" >/dev/null 2>&1 && "$build/probe" ||
        { skip "$label" "$1 cannot build for it"; return; }
    if [ "$option" ]; then
        "$@" -DOMP_TRANSPLANT_IMPLEMENTATION -x c -c omp_transplant.h -o "$build/large.o" &&
            "$@" -I. -DOMP_TRANSPLANT_IMPLEMENTED examples/transplant.c "$build/large.o" \
                -o "$build/large" -lm
    else
        "$@" -I. examples/transplant.c -o "$build/large" -lm
    fi
    count "$label: the tool" $?
    suite "$label" python3 tests/large_files.py "$build/large" $option
}

finish() { echo "$passed passed, $failed failed, $skipped skipped"; }

if [ "${1-}" = --row ]; then row "$2"; exit 0; fi

mkdir -p "$build"
rm -rf "$build/native"
${CC:-cc} -O2 -I. examples/transplant.c -o "$build/transplant" -lm &&
    "$build/transplant" examples/models/base examples/models/donor "$build/native" -q -a omp \
        -k 8
count "the native transplant" $?
cores=${OTX_TEST_CORES:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)}
echo "$rows_of_text" | sed 's/^x //; s/ *|.*//' >"$build/labels"
for label; do
    grep -qxF -e "$label" "$build/labels"
    count "a row of the name \"$label\"" $?
done
numbers=$(for label in "${@:-}"; do echo "$label"; done | awk '
    NR == FNR { wanted[$0]; next }
    "" in wanted || $0 in wanted { print FNR }' - "$build/labels")
rm -f "$build"/*/row
for number in $numbers; do echo "$number"; done |
    xargs -P "$cores" -I'{}' sh -c '"$0" --row "$1" >"$2/$1.out" 2>&1' "$0" '{}' "$build"
for number in $numbers; do
    suite "$(sed -n "${number}p" "$build/labels")" cat "$build/$number.out"
done
if [ -z "${1-}" ]; then
    bare "Cortex-M3, bare" mps2-an385 -mcpu=cortex-m3
    bare "Cortex-M4F, bare" mps2-an386 -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16
    bare_size
    large "more than 4 GiB, x86-64" "" "${CC:-cc}" -O1
    large "more than 4 GiB, i686" "" gcc-12 -m32 -O1 $m32
    large "more than 4 GiB, i686, offsets of 32 bits" --refused gcc-12 -m32 -O1 $m32
    suite "Windows, by MinGW and Wine" ./tests/windows.sh
    suite "the tool in a sandbox of WebAssembly" ./tests/wasi.sh
    suite "layers alone, every option" ./tests/test_layers.sh --full
fi
printf '\n%-26s %-11s %-38s %-8s %-6s %-9s %-14s %s\n' platform "bits, end" kernels warnings \
    golden "same" "text/data KiB" "largest frame"
for number in $numbers; do
    [ -f "$build/$number/row" ] || continue
    awk -F '|' '{ printf "%-26s %-11s %-38s %-8s %-6s %-9s %-14s %s\n", $1, $2, $3, $4, $5, $6,
        $7, $8 }' "$build/$number/row"
done
echo
finish
[ $failed -eq 0 ]
