#!/bin/sh
# Merges two models of one architecture that have unlike vocabularies: both are given one
# tokenizer, then their weights are averaged.
#   examples/merge.sh A B TOKENIZER OUT
#   examples/merge.sh OUT
# A, B: model directories; TOKENIZER: the directory of the model whose tokenizer both get (of one
# that has it already, A or B itself, nothing is changed). With OUT alone it merges
# examples/models/base and a stand-in for a relative of it, base with 1,500 of its tokens, under
# the tokenizer of examples/models/donor.
# TRANSPLANT and AVERAGE may name the two programs, METHOD how new rows are made; otherwise they
# are built with CC. With PyTorch and transformers it prints the bits per byte of all three.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/otx-merge.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

case $# in
1) out=$1 ;;
4) out=$4 ;;
*) echo "usage: merge.sh [A B TOKENIZER] OUT" >&2; exit 2 ;;
esac
[ ! -e "$out" ] || { echo "merge.sh: $out exists" >&2; exit 1; }

build() { ${CC:-cc} -O2 -I"$here/.." "$here/$1.c" -o "$work/$1" -lm; }
transplant=${TRANSPLANT:-$work/transplant} average=${AVERAGE:-$work/average}
[ "${TRANSPLANT-}" ] || build transplant
[ "${AVERAGE-}" ] || build average


if [ $# -eq 1 ]; then
    "$transplant" trim -q "$here/models/base" "$work/relative" --first 1500
    set -- "$here/models/base" "$work/relative" "$here/models/donor" "$out"
fi

# The model in $1 with the tokenizer of $2, in $3.
give() {
    if [ "$1" = "$2" ]; then cp -RL "$1" "$3"
    else "$transplant" -q "$1" "$2" "$3" -a "${METHOD:-omp-affine}"; fi
}

give "$1" "$3" "$work/a"
give "$2" "$3" "$work/b"
cp -R "$work/a" "$work/out"
rm -f "$work/out"/*.safetensors "$work/out"/*.safetensors.index.json
"$average" "$work/a" "$work/b" "$work/out/model.safetensors"
mv "$work/out" "$out"
"$transplant" verify "$out"

if python3 -c 'import torch, transformers' 2>/dev/null; then
    python3 "$here/models/evaluate.py" "$work/a" "$work/b" "$out"
else
    echo "no bits per byte: PyTorch and transformers are not there"
fi
