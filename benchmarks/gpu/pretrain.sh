#!/bin/sh
# Train a larger built-in encoder on one GPU, at most ten minutes a call; call it again to go on.
#
#   benchmarks/gpu/pretrain.sh RUN [MINUTES]
#
# The first call builds the corpus from ABAG_DATA_SOURCES (a few minutes of CPU). Where the GPU
# machine has no sources, make the run elsewhere with MINUTES 0.01, copy the folder RUN and call
# this there. Finished, RUN holds weights.safetensors, card.json and card.md; with OUT set (a
# folder), what a user needs is copied there.
set -eu
run=${1:?name the folder of the run}
minutes=${2:-8}
if [ -f "$run/config.json" ]; then
    python -m abag pretrain --resume "$run" --minutes "$minutes"
else
    python -m abag pretrain --sources "${ABAG_DATA_SOURCES:?name the folder of the sources}" \
        --out "$run" --config recipes/pretrain-builtin-gpu.json --minutes "$minutes"
fi
if [ -n "${OUT:-}" ] && [ -f "$run/weights.safetensors" ]; then
    cp "$run/weights.safetensors" "$run/card.json" "$run/card.md" "$run/loss_curve.csv" \
        "$run/loss_curve.png" "$OUT/"
fi
