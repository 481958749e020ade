#!/bin/sh
# One command for a machine with an accelerator: sh benchmarks/gpu/run.sh OUT [--quick]
# Needs torch, transformers, numpy, polars, pydantic, rich, safetensors; abag is taken from src.
# Results are JSON files in OUT; what is there already is not measured again, so a run that was cut
# off goes on. A call takes less than ten minutes; --quick only shows that everything runs.
set -eu
out=${1:?usage: sh benchmarks/gpu/run.sh OUT [--quick]}
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$root/src:$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
mkdir -p "$out"
[ -e "$out/store.json" ] || "$python" "$root/benchmarks/store.py" --out "$out/store.json" "$@"
# A process a model, so that one model's failure leaves the other's result.
if [ "${1:-}" = "--quick" ]; then
    "$python" "$root/benchmarks/encoding.py" --out "$out" --quick
else
    status=0
    for model in esm2-3b igt5; do
        timeout 280 "$python" "$root/benchmarks/encoding.py" --models "$model" --compile --out "$out" || status=$?
    done
    exit $status
fi
