#!/bin/sh
# Benchmarks against other implementations and against the machine: makes a Python
# environment with numpy and runs bench/bench.py in it. Without arguments: the usage.
set -eu

work=${OTX_BENCH_DIR:-$(dirname "$0")/.work}
mkdir -p "$work"
OTX_BENCH_DIR=$(cd "$work" && pwd)
export OTX_BENCH_DIR
python=$OTX_BENCH_DIR/venv-numpy/bin/python
if ! "$python" -c 'import numpy' 2>/dev/null; then
    "${PYTHON:-python3}" -m venv "$OTX_BENCH_DIR/venv-numpy"
    "$python" -m pip install -qq --disable-pip-version-check numpy >&2
fi
exec "$python" "$(dirname "$0")/bench.py" "$@"
