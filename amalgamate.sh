#!/bin/sh
# Makes omp_transplant.h from the rooms (files) in the wings (folders) of src/.
#   ./amalgamate.sh                    writes the header
#   ./amalgamate.sh --check            fails if the header is not what src/ makes
#   ./amalgamate.sh --output FILE      writes elsewhere
#   ./amalgamate.sh --only files|vocab|solve [--output FILE]
#                                      a header of that layer alone; to standard output
# The order within a wing stands in its chapter.h.
set -eu
cd "$(dirname "$0")"

usage() {
    echo "usage: amalgamate.sh [--check | [--only files|vocab|solve] [--output FILE]]" >&2
    exit 2
}

output=omp_transplant.h check=no only=
while [ $# -gt 0 ]; do
    case "$1" in
    --check) check=yes ;;
    --output) [ $# -gt 1 ] || usage; output=$2; shift ;;
    --only) [ $# -gt 1 ] || usage; only=$2; output=/dev/stdout; shift ;;
    *) usage ;;
    esac
    shift
done

# A wing uses only wings before it. Declarations and wings that need no files, then those
# that do. A layer alone goes without the rooms of lower wings that it has no use for.
without=
case "$only" in
"") api="version result context isa matrix blocks solver affine methods source json safetensors
             gguf vocab encode align gguf_vocab map"
    wings="base files vocab encode simd solve methods across"
    path_api="file directory job map_models verify evaluate reshape"
    path_wings="disk model job evaluate reshape" ;;
files) api="version result context matrix blocks source json safetensors gguf"
    wings="base files" path_api='' path_wings=''
    without="base/clock base/team base/hash base/pool base/base64 base/protobuf base/watch
             files/gguf_keys" ;;
vocab) api="version result context source json vocab align"
    wings="base files vocab" path_api='' path_wings=''
    without="base/team base/number base/blocks base/blocks_fit base/blocks_make base/watch
             files/tensors files/safetensors_read files/safetensors_write files/gguf_types
             files/gguf_values files/gguf_walk files/gguf_read files/gguf_write
             files/gguf_keys vocab/known_gguf vocab/from_gguf vocab/gguf_rules" ;;
solve) api="version result context isa matrix solver"
    wings="base simd solve" path_api='' path_wings=''
    without="base/hash base/blocks base/blocks_fit base/blocks_make base/base64 base/protobuf
             solve/affine_digits solve/affine_normal solve/affine_factor solve/affine_map
             solve/affine_choice solve/affine_fit solve/affine" ;;
*) usage ;;
esac

# The rooms that a wing's chapter lists, in order; base/end closes the whole header.
rooms() {
    sed -n '/^   Rooms, in order of dependency:/,$s/^     \([a-z0-9_]*\)  .*/\1/p' \
        "src/$1/chapter.h" | grep -v '^end$'
}

# A room. Where it says "/* @expand BODY NAME */", the text of that file of the wing stands in
# the header, with _NAME for every _VEC in it.
room() {
    printf '\n/* >>> src/%s/%s.h */\n' "$1" "$2"
    awk -v wing="src/$1" '
        $2 != "@expand" { print; next }
        {
            body = wing "/" $3 ".h"
            while ((more = getline line < body) > 0) { gsub(/_VEC/, "_" $4, line); print line }
            if (more < 0) { print "amalgamate.sh: no " body | "cat >&2"; exit 1 }
            close(body)
        }' "src/$1/$2.h"
}

wing() {
    room "$1" chapter
    for r in $(rooms "$1"); do
        case " $(echo $without) " in
        *" $1/$r "*) ;;
        *) room "$1" "$r" ;;
        esac
    done
}

# Everything behind the banner.
body() {
    printf '\n#ifndef OMP_TRANSPLANT_H\n#define OMP_TRANSPLANT_H\n\n'
    printf '#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n\n'
    printf '#ifdef __cplusplus\nextern "C" {\n#endif\n'
    for r in $api; do room api "$r"; done
    if [ -n "$path_api" ]; then
        printf '\n#ifndef OTX_NO_STDIO\n'
        for r in $path_api; do room api "$r"; done
        printf '\n#endif /* OTX_NO_STDIO */\n'
    fi
    printf '\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* OMP_TRANSPLANT_H */\n'
    printf '\n#if defined(OMP_TRANSPLANT_IMPLEMENTATION) && !defined(OMP_TRANSPLANT_IMPLEMENTED)\n'
    printf '#define OMP_TRANSPLANT_IMPLEMENTED\n'
    for w in $wings; do wing "$w"; done
    if [ -n "$path_wings" ]; then
        printf '\n#ifndef OTX_NO_STDIO\n'
        for w in $path_wings; do wing "$w"; done
        printf '\n#endif /* OTX_NO_STDIO */\n'
    fi
    room base end
    printf '\n#endif /* OMP_TRANSPLANT_IMPLEMENTATION */\n\n/*\n'
    cat LICENSE
    printf '*/\n'
}

# The banner, with a table of contents in place of the line that says so: the line at which
# each room of the body (a file) begins. Rooms of the api go by their own headings.
contents() {
    awk -v banner="$(wc -l < src/api/banner.h)" '
        /^\/\* >>> src\// {
            path = $3; sub(/^src\//, "", path); sub(/\.h$/, "", path)
            split(path, part, "/")
            if (part[2] == "end") next
            if (part[1] != wing) { wing = part[1]; lines[++n] = "" }
            lines[++n] = path; at[n] = NR; where[path] = n
            next
        }
        /^\/\* ==== / { sub(/^\/\* ==== [a-z]*: /, ""); sub(/ ==== \*\/$/, ""); text[n] = $0 }
        wing == "api" && /^\/\* ---- / && !text[n] {
            sub(/^\/\* ---- /, ""); sub(/ -* *\*\/$/, ""); text[n] = $0
        }
        /^     [a-z0-9_]+  / && part[2] == "chapter" {
            name = $1; sub(/^ *[a-z0-9_]+ +/, ""); sub(/ \*\/$/, "")
            describe[wing "/" name] = $0
        }
        END {
            first = banner - 1 + n + 1
            for (i = 1; i <= n; i++) {
                if (lines[i] == "") { print ""; continue }
                what = text[i] ? text[i] : describe[lines[i]]
                sub(/\/chapter$/, "", lines[i])
                printf "   %6d  %-26s %s\n", at[i] + first - 1, lines[i], what
            }
        }' "$1"
}

header() {
    body > "$temporary.body"
    contents "$temporary.body" > "$temporary.contents"
    sed -e "/^   @contents@\$/r $temporary.contents" -e '/^   @contents@$/d' src/api/banner.h
    cat "$temporary.body"
}

# A room that is in src/ but in no list would be lost without a word.
for file in src/*/*.h; do
    name=$(basename "$file" .h) folder=$(basename "$(dirname "$file")")
    if [ -n "$only" ] || [ "$name" = chapter ]; then continue; fi
    case $folder in
    api) listed="banner $api $path_api" ;;
    base) listed="$(rooms base) end" ;;
    *) listed="$(rooms "$folder") $(awk '$2 == "@expand" { print $3 }' "src/$folder"/*.h)" ;;
    esac
    case " $(echo $listed) " in
    *" $name "*) ;;
    *) echo "amalgamate.sh: $file is in no chapter" >&2; exit 1 ;;
    esac
done

temporary=$(mktemp "${TMPDIR:-/tmp}/omp_transplant.XXXXXX")
trap 'rm -f "$temporary" "$temporary.body" "$temporary.contents"' EXIT
header > "$temporary"
if [ $check = yes ]; then
    cmp "$temporary" omp_transplant.h || {
        echo "amalgamate.sh: omp_transplant.h is not what src/ makes; run ./amalgamate.sh" >&2
        exit 1
    }
else
    cat "$temporary" > "$output"
fi
