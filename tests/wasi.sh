#!/bin/sh
# The tool in a WebAssembly sandbox (WASI), which lets no one go above the directories that
# it was given. Ends with 77 where clang cannot build for it, or there is no node.
#   ./tests/wasi.sh
# CC chooses the compiler of the native tool that its outputs are compared with.
set -u
cd "$(dirname "$0")/.." || exit 1

CC=${CC:-cc}
root=$PWD
command -v node >/dev/null 2>&1 || { echo "no node"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/otx-wasi.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
echo 'int main(void) { return 0; }' >"$work/probe.c"
clang --target=wasm32-wasi "$work/probe.c" -o "$work/probe" 2>/dev/null ||
    { echo "clang cannot build for wasm32-wasi"; exit 77; }
passed=0 failed=0

check() {
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED $1"; fi
}

# In $work, which is all that the sandbox has, also as /tmp. The output is kept in said.
tool() { TMPDIR=$work node --no-warnings "$root/tests/wasi.mjs" tool.wasm "$@" >said 2>&1; }

# A transplant whose output is byte for byte the native one: transplant WHAT OUT PLACE.
transplant() {
    what=$1 place=$3
    tool base donor "$2" -q
    check "$what: transplant" $?
    diff -r native "$place" >/dev/null 2>&1
    check "$what: the bytes of the native output" $?
    [ -f "$place/model.safetensors" ] || cat said
}

refused() {
    what=$1 words=$2
    shift 2
    tool "$@" -q
    [ $? -eq 1 ] && grep -q "$words" said
    check "$what" $?
}

$CC -O2 -I. examples/transplant.c -o "$work/native-tool" -lm
check "the native tool: build" $?
clang --target=wasm32-wasi -O2 -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -I. \
    -Wl,-z,stack-size=1048576 examples/transplant.c -o "$work/tool.wasm" \
    -lwasi-emulated-signal
check "the tool: build" $?
cp -r examples/models/base "$work/base" && cp -r examples/models/donor "$work/donor"
cd "$work" || exit 1
./native-tool base donor native -q >/dev/null 2>&1
check "the native output" $?

mkdir within
transplant "a name" out out
transplant "a directory down" within/out within/out
transplant "a directory down and up" within/../again again
transplant "from a root of the sandbox" /tmp/absolute absolute
refused "the base itself" 'must not be, hold or lie in the base' base donor base --overwrite
refused "within the base" 'must not be, hold or lie in the base' base donor base/new/out
refused "within the donor" 'must not be, hold or lie in the donor' base donor donor/out
refused "within the base, by another root" 'must not be, hold or lie in the base' \
    base donor /tmp/base/out
refused "outside of the sandbox" 'No such file or directory\|Capabilities insufficient' \
    base donor /nowhere/out
refused "above the sandbox" 'error: ' base donor ../out
ln -s nothing base/LICENSE
refused "a link that leads nowhere" 'base/LICENSE: is a link that leads nowhere' base donor last
rm base/LICENSE
mkdir base/loop && ln -s .. base/loop/up
refused "a link to a directory" 'base/loop/up: is a link to a directory' base donor last
[ -z "$(find . -name '*.otx-*')" ]
check "nothing is left beside" $?

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
