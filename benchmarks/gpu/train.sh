#!/bin/sh
# One command for a machine with an accelerator: sh benchmarks/gpu/train.sh OUT [--quick]
# Needs the packages of `abag[network]`; abag is taken from src. What OUT holds already is not
# measured again, so a call that was cut off goes on. A call takes less than ten minutes.
#   epoch.json        an epoch of 107,889 pairs on cached embeddings, against encoding every pair
#   run               a training run of `default` on generated pairs, resumed by each further call
set -eu
out=${1:?usage: sh benchmarks/gpu/train.sh OUT [--quick]}
root=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$root/src:$root/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH PYTHONUNBUFFERED=1
python=${PYTHON:-python3}
mkdir -p "$out"
pairs=20000 seconds=10 recipes="v2.5 v2.7-pooled default v2.7"
if [ "${2:-}" = "--quick" ]; then pairs=40 seconds=0.1 recipes=v2.5; fi
[ -e "$out/epoch.json" ] || "$python" "$root/benchmarks/epoch.py" \
    --recipes $recipes --pairs "$pairs" --seconds "$seconds" --out "$out/epoch.json"
if [ ! -e "$out/table.parquet" ]; then
    "$python" - "$out" "$pairs" <<'PY'
import sys
from pathlib import Path
from abag.data.splits import make_split
from abag.files import write_parquet
from epoch import generated
out, table = Path(sys.argv[1]), generated(int(sys.argv[2]))
make_split(table, "random", fractions=(0.9, 0.05, 0.05)).save(out / "split.parquet")
write_parquet(out / "table.parquet", table)
PY
fi
if [ -e "$out/run/run.json" ]; then
    "$python" -m abag train --resume "$out/run" --stop-after 240 --no-audit
else
    "$python" -m abag train "$out/table.parquet" --recipe default --split "$out/split.parquet" \
        --out "$out/run" --store "$out/store" --set stopping.epochs=3 --stop-after 240 --no-audit
fi
