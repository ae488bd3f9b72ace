#!/bin/sh
# Makes omp_transplant.h from the rooms (files) in the wings (folders) of src/.
#   ./amalgamate.sh                 writes the header
#   ./amalgamate.sh --check         fails if the header is not what src/ makes
#   ./amalgamate.sh --output FILE   writes elsewhere
#   ./amalgamate.sh --only solve|vocab|files --output FILE
#                                   a header of that layer alone
set -eu
cd "$(dirname "$0")"

# The order is the order of dependency: a room uses only rooms before it, a wing only
# wings before it.
api="version result context isa matrix solver source json safetensors vocab align"
api_paths="file directory job verify"
base="begin result memory text hooks sort clock pool number base64 protobuf decimal watch"
files="memory_source json_read json_edit safetensors_read safetensors_write"
vocab="token_table spelling reader added_tokens from_tokenizer_json from_tekken from_tiktoken
       from_sentencepiece from_vocab_json from_vocab_txt parse align"
simd="kernels scalar sse2 avx2 avx512 amx neon wasm dispatch"
solve="panels dictionary exact_products triangle support gram_table screen predict select plan
       solve"
disk="system paths listing reading writing copying staging foreign shards checkpoint
      tokenizer_directory"
model="document config names parts heirs config_ids config_edit"
job="job map plan open rows solve rebuild write copy run report verify"
memory_wings="base files vocab simd solve"
path_wings="disk model job"

room() {
    printf '\n/* >>> src/%s/%s.h */\n' "$1" "$2"
    cat "src/$1/$2.h"
}

# The rooms of a wing: wing NAME.
wing() {
    eval "rooms=\$$1"
    for r in $rooms; do room "$1" "$r"; done
}

header() {
    cat src/api/banner.h
    printf '\n#ifndef OMP_TRANSPLANT_H\n#define OMP_TRANSPLANT_H\n\n'
    printf '#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n'
    printf '#ifdef __cplusplus\nextern "C" {\n#endif\n'
    for r in $api; do room api "$r"; done
    printf '\n#ifndef OTX_NO_STDIO\n'
    for r in $api_paths; do room api "$r"; done
    printf '\n#endif /* OTX_NO_STDIO */\n'
    printf '\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* OMP_TRANSPLANT_H */\n'
    printf '\n#if defined(OMP_TRANSPLANT_IMPLEMENTATION) && !defined(OMP_TRANSPLANT_IMPLEMENTED)\n'
    printf '#define OMP_TRANSPLANT_IMPLEMENTED\n'
    for w in $memory_wings; do wing "$w"; done
    printf '\n#ifndef OTX_NO_STDIO\n'
    for w in $path_wings; do wing "$w"; done
    printf '\n#endif /* OTX_NO_STDIO */\n'
    room base end
    printf '\n#endif /* OMP_TRANSPLANT_IMPLEMENTATION */\n\n/*\n'
    cat LICENSE
    printf '*/\n'
}

# A room that is in src/ but in no list would be lost without a word.
for file in src/*/*.h; do
    name=$(basename "$file" .h) folder=$(basename "$(dirname "$file")")
    eval "listed=\$$folder"
    [ "$folder" = api ] && listed="banner $api $api_paths"
    [ "$folder" = base ] && listed="$base end"
    case " $(echo $listed) " in
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
