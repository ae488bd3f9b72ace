#!/bin/sh
# Rows of every method on real pairs of models, scored by the models themselves: makes a Python
# environment with PyTorch, transformers and mergekit and runs bench/quality.py in it. --help: more.
set -eu

work=${OTX_BENCH_DIR:-$(dirname "$0")/../build/quality}
mkdir -p "$work"
OTX_BENCH_DIR=$(cd "$work" && pwd)
export OTX_BENCH_DIR
venv=$OTX_BENCH_DIR/venv
packages=${QUALITY_PACKAGES:-torch transformers accelerate gguf mergekit==0.1.5}
if [ "$(cat "$venv/packages" 2>/dev/null)" != "$packages" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
    # shellcheck disable=SC2086 # a list
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check $packages >&2
    echo "$packages" >"$venv/packages"
fi
exec "$venv/bin/python" "$(dirname "$0")/quality.py" "$@"
