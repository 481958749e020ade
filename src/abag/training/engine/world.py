"""The processes of a run: one by default, or those that ``torchrun`` starts.

Each process computes its share of a step's batches; gradients are summed, so every process holds
the same weights. Whatever is decided from figures (best epoch, early stop) is decided by the first
process and sent to the others, and only the first one writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
from jaxtyping import Shaped
from torch import Tensor, distributed

from abag.errors import OptionError


@dataclass(frozen=True, slots=True)
class World:
    """This process among all of them."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> World:
        """The world that the environment describes (``RANK`` and ``WORLD_SIZE`` of torchrun)."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if "RANK" not in os.environ or "MASTER_ADDR" not in os.environ:
            raise OptionError(f"WORLD_SIZE={size} without RANK: start the command with torchrun")
        if not distributed.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            backend = "nccl" if device.type == "cuda" else "gloo"
            # The others wait while the first process embeds a whole table.
            distributed.init_process_group(backend, timeout=timedelta(days=2))
        return cls(distributed.get_rank(), size)

    @staticmethod
    def local_rank() -> int:
        """Number of this process on its machine: the GPU that it takes."""
        return int(os.environ.get("LOCAL_RANK", "0"))

    def leave(self) -> None:
        """End the process group, if there is one."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Add up the gradients of all processes; what has none in any of them keeps none."""
        if self.size == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).flatten().float() for p in trained]
            + [torch.tensor([p.grad is not None for p in trained]).to(trained[0].device).float()]
        )
        distributed.all_reduce(flat)
        *parts, counts = torch.split(flat, [*(p.numel() for p in trained), len(trained)])
        for parameter, part, count in zip(trained, parts, counts.tolist(), strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype) if count else None

    def sum_of(self, value: Shaped[Tensor, "*axes"]) -> Shaped[Tensor, "*axes"]:
        """Sum of a tensor over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def broadcast(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The first process's numbers, in every process."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(list(values), dtype=torch.float64, device=device)
        distributed.broadcast(tensor, 0)
        return [float(value) for value in tensor.cpu()]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            distributed.barrier()
