#!/bin/sh
# Windows, as far as MinGW and Wine are that: the suites of files and paths, and the tool
# with names and places that only Windows has. Ends with 77 where either is missing.
#   ./tests/windows.sh
# CC chooses the compiler of the native tool that its outputs are compared with.
set -u
cd "$(dirname "$0")/.." || exit 1

CC=${CC:-cc}
mingw=x86_64-w64-mingw32-gcc
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
strict="$strict -Wno-misleading-indentation" # as tests/checks.sh has it
for program in $mingw wine; do
    command -v $program >/dev/null 2>&1 || { echo "no $program"; exit 77; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/otx-windows.XXXXXX")
trap 'wineserver -k >/dev/null 2>&1; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export WINEPREFIX="$work/prefix" WINEDEBUG=-all TMPDIR="$work"
passed=0 failed=0 skipped=0

check() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    echo "FAILED $1"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed -eq 0 ]
    exit
}

# Runs a program; its output is kept in $work/said. Where Wine says that it lost its own server,
# which is no word of the program's, the program runs once more.
wined() {
    wine "$@" </dev/null >"$work/said" 2>&1
    status=$?
    grep -q '^wine client error' "$work/said" || return $status
    echo "Wine lost its server: once more"
    wine "$@" </dev/null >"$work/said" 2>&1
}

# Builds and runs a suite, and adds up its closing line. Only what is printed counts: Wine
# ends with 0 when it cannot run a program at all.
suite() {
    $mingw -std=c99 -O1 $strict -Wno-unused-function -I. "tests/$1.c" $2 -o "$work/$1.exe" \
        -static -lm -pthread
    check "$1: build" $?
    OTX_TEST_SMALL=1 wined "$work/$1.exe"
    grep -v -E '^[0-9]+ passed, [0-9]+ failed' "$work/said" | tr -d '\r'
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$work/said" | tail -n 1)
    [ -n "$line" ]
    check "$1: runs to its end" $?
    [ -n "$line" ] || return
    set -- $(echo "$line" | tr -cs '0-9' ' ')
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# The tool, on words of Windows.
tool() { wined "$work/transplant.exe" "$@"; }

# A path here as Windows names it, where / is the drive Z:.
windows() { printf 'Z:%s' "$1" | tr / '\\'; }

# A transplant to a place named twice, as Windows does and as it is here: what stands there
# is byte for byte the native output.
transplant() {
    what=$1 out=$2 here=$3
    shift 3
    tool "$base" "$donor" "$out" -q "$@"
    check "$what: transplant" $?
    diff -r "$work/native" "$here" >/dev/null 2>&1
    check "$what: the bytes of the native output" $?
    [ -f "$here/model.safetensors" ] || cat "$work/said"
}

cp -r examples/models/base "$work/base" && cp -r examples/models/donor "$work/donor"
base=$(windows "$work/base") donor=$(windows "$work/donor")
$CC -O2 -I. examples/transplant.c -o "$work/transplant" -lm &&
    "$work/transplant" "$work/base" "$work/donor" "$work/native" -q >/dev/null 2>&1
check "the native output" $?
$mingw -O2 $strict -I. examples/transplant.c -o "$work/transplant.exe" -static -lm
check "the tool: build" $?
# The server stays until the end: one that leaves when no program ran for a second can take
# the next one's request with it.
wineserver -p >/dev/null 2>&1
wineboot -i >/dev/null 2>&1
mkdir "$work/empty"
ln -s "$work/empty" "$WINEPREFIX/dosdevices/e:" # a drive in whose root nothing is
tool --version
grep -q . "$work/said" || { echo "wine runs nothing: $(cat "$work/said")"; exit 77; }

$mingw -O1 -DOMP_TRANSPLANT_IMPLEMENTATION -x c -c omp_transplant.h \
    -o "$work/implementation.o"
check "the implementation: build" $?
for name in test_file test_paths test_trees test_checkpoint test_job test_job_changes; do
    if grep -q '^#define OMP_TRANSPLANT_IMPLEMENTATION' tests/$name.c; then suite $name ""
    else suite $name "$work/implementation.o"; fi
done

transplant "an ordinary name" "$(windows "$work/plain")" "$work/plain"
transplant "separators of the other kind" "$(windows "$work/other" | tr '\\' /)/" "$work/other"

# In place of an older output, which is renamed first.
echo old >"$work/plain/config.json"
tool "$base" "$donor" "$(windows "$work/plain")" -q
[ $? -eq 1 ] && grep -q 'exists already' "$work/said"
check "an output that exists" $?
transplant "overwriting" "$(windows "$work/plain")" "$work/plain" --overwrite
[ -z "$(find "$work" -maxdepth 1 -name '*.otx-*')" ]
check "overwriting leaves nothing beside" $?

# In the root of a drive, of one where nothing is yet, and in a drive's current directory.
transplant "a drive's root" 'C:\out' "$WINEPREFIX/drive_c/out"
transplant "an empty drive's root" 'E:/out' "$work/empty/out"
mkdir "$work/within"
cd "$work/within" && transplant "a drive's current directory" 'Z:out' "$work/within/out"
cd - >/dev/null || exit 1

# A model in the root of a drive, which has no name of its own: as base and as donor it is
# like any, and as OUT it cannot be renamed to.
ln -s "$work/base" "$WINEPREFIX/dosdevices/t:"
ln -s "$work/donor" "$WINEPREFIX/dosdevices/u:"
for root in 'T: U:' 'T:\ U:\' 'T:/ U:/' 't:\. u:/.' '\\?\T:\ \\?\U:\'; do
    base=${root% *} donor=${root#* }
    transplant "models in the roots $root" "$(windows "$work/roots")" "$work/roots"
    rm -rf "$work/roots"
done
base=$(windows "$work/base") donor=$(windows "$work/donor")
for root in 'E:' 'E:\' 'E:/' '\\?\E:\' 'E:\.'; do
    tool "$base" "$donor" "$root" -q --overwrite
    [ $? -eq 1 ] && grep -q 'needs a name of its own' "$work/said" &&
        [ "$(ls -A "$work/empty")" = out ]
    check "$root, a root, as OUT" $?
done
tool "$base" "$donor" 'T:\' -q --overwrite # which the base is
[ $? -eq 1 ] && grep -q 'error: ' "$work/said" &&
    diff -r examples/models/base "$work/base" >/dev/null
check "the base by its drive's root as OUT" $?

# As the longest form of a path says it, and one device among names.
transplant "a verbatim path" "\\\\?\\$(windows "$work/verbatim")" "$work/verbatim"
transplant "a verbatim path with a dot at its end" "\\\\?\\$(windows "$work/verbatim.")" \
    "$work/verbatim." --report "\\\\?\\$(windows "$work/report.")"
[ -s "$work/report." ]
check "a verbatim report with a dot at its end" $?
transplant "a verbatim path with slashes" "//?/Z:$work/within/../slashes" "$work/slashes"
for device in NUL CON LPT9 'Z:\NUL' 'C:\aux'; do
    tool "$base" "$donor" "$device" -q --overwrite
    [ $? -eq 1 ] && grep -q 'is not a directory and is not replaced' "$work/said" && [ ! -e NUL ]
    check "$device, a device, as OUT" $?
done

# What replaces an older output removes also what is read-only in it.
chmod a-w "$work/plain"/*
transplant "overwriting what is read-only" "$(windows "$work/plain")" "$work/plain" --overwrite
[ -z "$(find "$work" -maxdepth 1 -name '*.otx-*')" ]
check "overwriting what is read-only leaves nothing beside" $?

# Words that no 8-bit encoding holds together.
name='модель-模型-é-🤗'
mkdir "$work/$name"
mv "$work/base" "$work/$name/base"
base=$(windows "$work/$name/base")
transplant "names of any script" "$(windows "$work/$name/out")" "$work/$name/out" \
    --report "$(windows "$work/$name/отчёт.json")"
grep -q '"anchors"' "$work/$name/отчёт.json"
check "a report's name of any script" $?
echo '{}' >"$work/$name/отчёт.json"
transplant "once more" "$(windows "$work/$name/out2")" "$work/$name/out2" \
    --report "$(windows "$work/$name/отчёт.json")"
grep -q '"anchors"' "$work/$name/отчёт.json" &&
    [ ! -e "$work/$name/отчёт.json.partial-1" ]
check "a report in place of an older one" $?

# More than 260 characters, which Windows takes in one form only.
long=$work
for part in 1 2 3 4; do long=$long/$(printf '%090d' $part); done
mkdir -p "$long"
cp -r "$work/donor" "$long/donor"
donor=$(windows "$long/donor")
transplant "a long path" "$(windows "$long/out")" "$long/out" \
    --report "$(windows "$long/report.json")"
[ -s "$long/report.json" ]
check "a report by a long path" $?
tool verify "$(windows "$long/out")" -q
check "verify of a long path" $?

# A base by a long path too, and one file in place of another, of which both hold GGUF.
base=$(windows "$long/base")
cp -r examples/models/base "$long/base"
transplant "a base by a long path" "$(windows "$long/out2")" "$long/out2"
if command -v python3 >/dev/null 2>&1; then
    python3 - "$long" <<'END'
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import gguf_models as g
here = Path(sys.argv[1])
g.write(here / "base.gguf", g.base_keys(), g.base_tensors())
g.write(here / "donor.gguf", g.donor_keys(), g.donor_tensors())
END
    "$work/transplant" "$long/base.gguf" "$long/donor.gguf" "$work/native.gguf" -q 2>/dev/null
    echo older >"$long/out.gguf"
    tool "$(windows "$long/base.gguf")" "$(windows "$long/donor.gguf")" \
        "$(windows "$long/out.gguf")" -q
    [ $? -eq 1 ] && [ "$(cat "$long/out.gguf")" = older ]
    check "a file that exists" $?
    cp "$work/native.gguf" "$long/out.gguf"
    printf x >>"$long/out.gguf"
    tool "$(windows "$long/base.gguf")" "$(windows "$long/donor.gguf")" \
        "$(windows "$long/out.gguf")" -q --overwrite
    check "one file in place of another" $?
    cmp -s "$work/native.gguf" "$long/out.gguf" &&
        [ -z "$(find "$long" -maxdepth 1 -name '*.otx-*')" ]
    check "one file in place of another: the bytes of the native output" $?

    python3 tests/large_files.py "$work/transplant.exe" --runner wine donor_behind_a_hole \
        gguf_donor_behind_a_hole base_behind_a_hole >"$work/said" 2>&1
    grep -v -E '^[0-9]+ passed' "$work/said"
    counts=$(grep -E '^[0-9]+ passed' "$work/said" | tail -n 1 | tr -cs '0-9' ' ')
    [ -n "$counts" ]
    check "models of more than 4 GiB" $?
    set -- ${counts:-0 0 0}
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
else
    echo "skipped files of GGUF, and those of more than 4 GiB: no python3"
    skipped=$((skipped + 1))
fi

finish
