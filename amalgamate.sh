#!/bin/sh
# Makes omp_transplant.h from the parts in src/.
#   ./amalgamate.sh                 writes the header
#   ./amalgamate.sh --check         fails if the header is not what src/ makes
#   ./amalgamate.sh --output FILE   writes elsewhere
set -eu
cd "$(dirname "$0")"

# The order is the order of dependency: a part uses only parts before it.
interface="api"
memory="begin base sort clock pool number json source safetensors vocab
        spelling tokenizer added_tokens tokenizer_json base64 tekken tiktoken protobuf
        sentencepiece tokenizer_bpe tokenizer_wordpiece vocab_parse align
        kernel kernel_sse2 kernel_avx2 kernel_avx512 kernel_amx kernel_neon kernel_wasm dispatch
        watch panels dictionary gram triangle support table screen predict select plan omp"
paths="system file staging checkpoint vocab_directory model config job rebuild output report verify"
last="end"

part() {
    printf '\n/* >>> src/%s.h */\n' "$1"
    cat "src/$1.h"
}

header() {
    cat src/banner.h
    printf '\n#ifndef OMP_TRANSPLANT_H\n#define OMP_TRANSPLANT_H\n\n'
    printf '#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n'
    printf '#ifdef __cplusplus\nextern "C" {\n#endif\n'
    for p in $interface; do part "$p"; done
    printf '\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* OMP_TRANSPLANT_H */\n'
    printf '\n#if defined(OMP_TRANSPLANT_IMPLEMENTATION) && !defined(OMP_TRANSPLANT_IMPLEMENTED)\n'
    printf '#define OMP_TRANSPLANT_IMPLEMENTED\n'
    for p in $memory; do part "$p"; done
    printf '\n#ifndef OTX_NO_STDIO\n'
    for p in $paths; do part "$p"; done
    printf '\n#endif /* OTX_NO_STDIO */\n'
    for p in $last; do part "$p"; done
    printf '\n#endif /* OMP_TRANSPLANT_IMPLEMENTATION */\n\n/*\n'
    cat LICENSE
    printf '*/\n'
}

# A part that is in src/ but in no list would be lost without a word.
for file in src/*.h; do
    name=$(basename "$file" .h)
    case " banner $interface $(echo $memory) $paths $last " in
    *" $name "*) ;;
    *) echo "amalgamate.sh: $file is in no list" >&2; exit 1 ;;
    esac
done

output=omp_transplant.h
check=no
case "${1-}" in
"") ;;
--check) check=yes ;;
--output) output=${2:?--output wants a file} ;;
*) echo "usage: amalgamate.sh [--check | --output FILE]" >&2; exit 2 ;;
esac

temporary=$(mktemp "${TMPDIR:-/tmp}/omp_transplant.XXXXXX")
trap 'rm -f "$temporary"' EXIT
header > "$temporary"
if [ $check = yes ]; then
    cmp "$temporary" omp_transplant.h || {
        echo "amalgamate.sh: omp_transplant.h is not what src/ makes; run ./amalgamate.sh" >&2
        exit 1
    }
else
    cat "$temporary" > "$output"
fi
