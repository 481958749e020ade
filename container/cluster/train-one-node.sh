#!/bin/sh
# Train a recipe on all GPUs of this machine; called again, it goes on, with any number of GPUs.
#
#   container/cluster/train-one-node.sh RUN TABLE SPLIT RECIPE [OPTION ...]
#
# GPUS (default: all that nvidia-smi lists, else 1 process on the CPU) must divide the recipe's
# batch.accumulate. Options are those of `abag train`, such as --set batch.accumulate=8.
set -eu
run=${1:?name the folder of the run}
table=${2:?name the table}
split=${3:?name the split}
recipe=${4:?name the recipe}
shift 4
gpus=${GPUS:-$(nvidia-smi -L 2>/dev/null | wc -l)}
[ "$gpus" -gt 0 ] || gpus=1
if [ -f "$run/run.json" ]; then
    set -- --resume "$run"
else
    set -- "$table" --split "$split" --recipe "$recipe" --out "$run" "$@"
fi
exec torchrun --standalone --nproc-per-node "$gpus" -m abag train "$@"
