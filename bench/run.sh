#!/bin/sh
# Benchmarks against other implementations. Run without arguments for the usage.
set -eu

start=$(pwd)
cd "$(dirname "$0")/.."
work=${OTX_BENCH_DIR:-bench/.work}
case $work in
    bench/.work | /*) ;;
    *) work=$start/$work ;;
esac
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
threads=${THREADS:-$cores}

usage() {
    cat <<EOF
usage: bench/run.sh COMMAND [ARGUMENTS]

  peer [SIZE]   mergekit's batch_omp against this library in the same run;
                SIZE is tiny, S (default), M, C1, P1, G1 or a file that
                bench/make_data.py wrote, such as real rows (--from-model)

Environment: CC, CFLAGS, THREADS (all cores), PYTHON (python3), SOLVE_FLAGS
(options for bench/solve), ROUNDS, PEER_TARGETS (how many targets the peer
solves before its time is scaled up), OTX_BENCH_DIR (where data, virtual
environments and results go; bench/.work).
EOF
}

say() { echo "bench: $*" >&2; }

# venv NAME PACKAGE...: a virtual environment with these packages, made once; sets $py.
venv() {
    name=$1; shift
    py=$work/venv-$name/bin/python
    if [ "$(cat "$work/venv-$name/packages" 2>/dev/null)" != "$*" ]; then
        say "installing $*"
        "${PYTHON:-python3}" -m venv "$work/venv-$name"
        "$py" -m pip install -qq --disable-pip-version-check "$@" >&2
        echo "$*" > "$work/venv-$name/packages"
    fi
}

# data SIZE: embedding-like data, made once, or a file that make_data.py wrote
# before; sets $data and $k. Needs $py.
data() {
    case $1 in
        /*.safetensors) data=$1 ;;
        *.safetensors) data=$start/$1 ;;
        *) data=$work/$1.safetensors
            if [ -z "$(find "$data" -newer bench/make_data.py 2>/dev/null)" ]; then
                say "making data of size $1"
                "$py" bench/make_data.py "$data.part" --size "$1"
                mv "$data.part" "$data"
            fi ;;
    esac
    k=$(PYTHONPATH=bench "$py" -c 'import sys, tensors; print(tensors.read(sys.argv[1])[1]["k"])' "$data")
}

# Builds bench/solve.c, with OpenMP where the compiler has it; sets $solve.
build() {
    solve=$work/solve
    openmp=
    echo 'int main(void) { return 0; }' > "$work/probe.c"
    if ${CC:-cc} -fopenmp "$work/probe.c" -o "$work/probe" 2>/dev/null; then openmp=-fopenmp; fi
    ${CC:-cc} ${CFLAGS:--O3} $openmp -I. bench/solve.c -o "$solve" -lm
}

# ours DATA OUT: one run of this library; its JSON line goes to stdout.
ours() {
    "$solve" "$1" "$2" --k "$k" --threads "$threads" ${SOLVE_FLAGS:-}
}

machine() {
    cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2>/dev/null | head -n 1)
    echo "$(date -u +%Y-%m-%d), ${cpu:-$(uname -m)}, $cores cores, $threads threads, $(uname -s), \
$(${CC:-cc} --version | head -n 1); load before: $(uptime | sed 's/.*average[s]*: *//')"
}

# mergekit DATA ARGUMENTS: one run of the peer in its environment.
mergekit() {
    env ${peer_env:-} "$py" bench/peer_mergekit.py "$@" --k "$k" --threads "$threads"
}

# MKL takes a slow path on processors that are not its maker's; PyTorch's copy
# can be told otherwise by replacing the function that asks. Memory that is kept
# instead of returned to the system saves page faults. The peer gets whichever
# environment is the fastest on a slice of the data. Needs $data; sets $peer_env.
tune_peer() {
    shim=
    echo 'int mkl_serv_intel_cpu_true(void) { return 1; }' > "$work/mkl.c"
    if ${CC:-cc} -shared -fPIC "$work/mkl.c" -o "$work/mkl.so" 2>/dev/null; then
        shim="LD_PRELOAD=$(cd "$work" && pwd)/mkl.so"
    fi
    keep="MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184"
    for peer_env in "" "$keep" "$keep $shim" "$keep $shim MKL_ENABLE_INSTRUCTIONS=AVX2"; do
        seconds=$(k=16; mergekit "$data" --first-targets 512 --repeat 2 |
            sed 's/.*"seconds": [^]]* \([0-9.]*\)\].*/\1/')
        [ -n "$seconds" ] || continue
        say "mergekit's trial run: $seconds s ${peer_env:+with $peer_env}"
        echo "$seconds $peer_env"
    done > "$work/trials"
    peer_env=$(sort -n "$work/trials" | sed -n '1s/^[^ ]* //p')
}

peer() {
    size=${1:-S}
    targets=2048         # solved to find the best batch size
    slice=2048           # solved in each round; more than there are means all
    batches=128,512,2048 # 512 is mergekit's default
    rounds=1
    case $size in
        tiny | S) rounds=3 ;;
        M) slice=8192 ;;
        C1 | P1 | G1) batches=512,2048 ;;
        *.safetensors) ;;
        *) usage >&2; exit 2 ;;
    esac
    slice=${PEER_TARGETS:-$slice}
    [ "$slice" -gt "$targets" ] || targets=$slice
    rounds=${ROUNDS:-$rounds}

    build
    venv mergekit torch==2.13.0 mergekit==0.1.5
    data "$size"
    before=$(machine)
    tune_peer
    size=$(basename "$size" .safetensors)
    result=$work/peer-$size

    say "mergekit's best batch size"
    mergekit "$data" --batch "$batches" --first-targets "$targets" > "$result-batches.jsonl"
    batch=$(sed 's/.*"batch": \([0-9]*\).*/\1/' "$result-batches.jsonl")

    : > "$result-ours.jsonl"
    : > "$result-mergekit.jsonl"
    i=0
    while [ $i -lt "$rounds" ]; do
        i=$((i + 1))
        say "round $i of $rounds"
        ours "$data" "$result-ours.safetensors" >> "$result-ours.jsonl"
        mergekit "$data" --batch "$batch" --first-targets "$slice" \
            --out "$result-mergekit.safetensors" >> "$result-mergekit.jsonl"
        ours "$data" "$result-ours.safetensors" >> "$result-ours.jsonl"
    done

    echo "### mergekit, size $size"
    echo
    echo "$before"
    "$py" bench/table.py "$data" "this library=$result-ours.jsonl" "mergekit=$result-mergekit.jsonl"
    echo
    echo "Memory is the solver's own for this library, the whole process's for mergekit."
    echo
    echo "mergekit by batch size:"
    cat "$result-batches.jsonl"
    echo
    "$py" bench/compare.py "$result-ours.safetensors" "$result-mergekit.safetensors" "$data"
}

case ${1:-} in
    peer)
        mkdir -p "$work"
        "$@" ;;
    "" | -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
