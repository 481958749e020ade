#!/bin/sh
# A screen on several nodes of a Slurm cluster; the same call again goes on where it stopped.
#
#   sbatch --nodes 8 container/cluster/ray-slurm.sh LIBRARY ANTIGEN OUT [OPTION ...]
#
# LIBRARY must be readable on every node (a shared file system or an address such as s3://); OUT is
# written by the first node alone. Options are those of `abag screen`.
#SBATCH --job-name=abag-screen
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=04:00:00
set -eu
library=${1:?name the library}
antigen=${2:?name the antigen}
out=${3:?name a folder for the result}
shift 3
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
export RAY_ADDRESS="$head:$port"
srun --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --port="$port" --include-dashboard=false --block &
sleep 15
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) \
        --exclude="$head" ray start --address="$RAY_ADDRESS" --block &
fi
abag screen "$library" --antigen "$antigen" --out "$out" --ray "$RAY_ADDRESS" "$@"
