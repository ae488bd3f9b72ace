#!/bin/sh
# Builds the tool and gives examples/models/base the tokenizer of
# examples/models/donor. Needs a C compiler and nothing else.
#   examples/demo.sh [OUT]     OUT: where the new model goes (examples/out, which
#                              alone is replaced if it exists)
#   CC=clang examples/demo.sh  takes another compiler
set -eu
overwrite=
here=$(cd "$(dirname "$0")" && pwd)
case ${1-} in
"") out=examples/out; overwrite=--overwrite ;; # from the repository's root
-*) echo "usage: examples/demo.sh [OUT]" >&2; exit 2 ;;
/*) out=$1 ;;
*) out=$PWD/$1 ;;
esac
cd "$here/.."

if [ -z "${CC-}" ]; then
    for CC in cc gcc clang; do
        command -v "$CC" > /dev/null 2>&1 && break
        CC=
    done
    [ "$CC" ] || { echo "demo.sh: no C compiler found; name one: CC=... $0" >&2; exit 1; }
fi

# OpenMP is what runs it on all cores; some compilers lack it.
build=$(mktemp -d "${TMPDIR:-/tmp}/transplant-demo.XXXXXX")
trap 'rm -rf "$build"' EXIT
trap 'exit 130' INT TERM
printf '#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n' > "$build/probe.c"
openmp=
if $CC -fopenmp "$build/probe.c" -o "$build/probe" 2> /dev/null && "$build/probe"; then
    openmp=-fopenmp
fi

# Prints a command, then runs it.
run() {
    echo "\$ $*"
    "$@"
}

[ "$openmp" ] || echo "($CC has no OpenMP: one thread)"
# shellcheck disable=SC2086 # CC may hold options, and no OpenMP is no word
run $CC -O3 $openmp -I. examples/transplant.c -o transplant -lm
echo
# shellcheck disable=SC2086
run ./transplant examples/models/base examples/models/donor "$out" $overwrite
cat <<END

The new model lies in $out
What next, from $PWD:
  its tensors and vocabulary
    ./transplant inspect "$out"
  which tokens were copied, and from where
    ./transplant align examples/models/base examples/models/donor
  bits per byte of held-out text, with PyTorch and transformers installed
    python3 examples/models/evaluate.py examples/models/base "$out"
  in Python
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained("$out")
    tokenizer = AutoTokenizer.from_pretrained("$out")
END
