#!/bin/sh
# Train a recipe on several nodes of a Slurm cluster; submitted again, it goes on, also with
# another number of nodes.
#
#   sbatch --nodes 4 --gpus-per-node 8 container/cluster/train-several-nodes.sh \
#       RUN TABLE SPLIT RECIPE [OPTION ...]
#
# RUN, TABLE and SPLIT lie on a file system that all nodes share; the first process alone writes.
# Nodes times GPUs must divide the recipe's batch.accumulate.
#SBATCH --job-name=abag-train
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
set -eu
run=${1:?name the folder of the run}
table=${2:?name the table}
split=${3:?name the split}
recipe=${4:?name the recipe}
shift 4
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
if [ -f "$run/run.json" ]; then
    set -- --resume "$run"
else
    set -- "$table" --split "$split" --recipe "$recipe" --out "$run" "$@"
fi
exec srun torchrun --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node "${SLURM_GPUS_ON_NODE:-1}" \
    --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" \
    --rdzv-endpoint "$head:$((20000 + SLURM_JOB_ID % 20000))" -m abag train "$@"
