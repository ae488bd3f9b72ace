# What the scripts here share, sourced by them: counting checks.
passed=0 failed=0 skipped=0
strict="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror"
# For this one gcc before 15 reads the file again for every statement, half of the time that a
# whole compilation takes. tests/analyse.sh has it, and clang below, which is quick about it.
strict="$strict -Wno-misleading-indentation"

have() { command -v "$1" >/dev/null 2>&1; }

# Counts one check: count NAME STATUS.
count() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

# "-fopenmp" if this compiler has it: openmp COMPILER [FLAGS].
openmp() {
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    "$@" -fopenmp "$build/probe.c" -o "$build/probe" >/dev/null 2>&1 && echo -fopenmp
}

# Runs a suite, shows what it prints, and adds up its closing line: suite NAME COMMAND...
# One that ends without such a line has crashed; status 77 means that something is missing.
suite() {
    name=$1
    shift
    echo "== $name"
    "$@" >"$build/output" 2>&1
    status=$?
    grep -v -E '^[0-9]+ passed, [0-9]+ failed' "$build/output"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$build/output" | tail -n 1)
    if [ $status -eq 77 ]; then
        skipped=$((skipped + 1))
    elif [ -z "$line" ]; then
        count "$name (status $status, no closing line)" 1
    else
        echo "$line"
        set -- $(echo "$line" | tr -cs '0-9' ' ')
        passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + ${3:-0}))
        if [ $status -ne 0 ] && [ "$2" -eq 0 ]; then count "$name (status $status)" 1; fi
    fi
}

# What a suite that has run printed, and its status: replay FILES-WITHOUT-ENDING.
replay() {
    cat "$1.out"
    return "$(cat "$1.status")"
}

# Whether a suite looks at private functions: it includes the implementation then.
includes_implementation() { grep -q '^#define OMP_TRANSPLANT_IMPLEMENTATION' "$1"; }

# The closing line, and the status of the script.
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}
