"""What an optimiser remembers of each weight, under names, so that a file can hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

PREFIX: Final = "optimiser."


def optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of each weight as ``optimiser.KEY.WEIGHT``; none for weights without a gradient."""
    names = _names(model, optimiser)
    return {
        f"{PREFIX}{key}.{names[place]}": torch.as_tensor(value)
        for place, of_one in optimiser.state_dict()["state"].items()
        for key, value in of_one.items()
    }


def restore_optimiser(
    model: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Go on from what :func:`optimiser_tensors` gave; other names are passed over."""
    place = {name: number for number, name in enumerate(_names(model, optimiser))}
    state: dict[int, dict[str, Tensor]] = {}
    for full, tensor in tensors.items():
        if full.startswith(PREFIX):
            key, _, name = full.removeprefix(PREFIX).partition(".")
            state.setdefault(place[name], {})[key] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _names(model: nn.Module, optimiser: torch.optim.Optimizer) -> list[str]:
    """Names of the weights in the order in which the optimiser counts them."""
    name = {id(parameter): own for own, parameter in model.named_parameters()}
    return [name[id(p)] for group in optimiser.param_groups for p in group["params"]]
