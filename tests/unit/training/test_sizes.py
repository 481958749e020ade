"""What a run leaves on disk: the release's checkpoint had 16.3 GB, of which 35 MB were trained."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from abag.model.network.network import make_network
from abag.training.engine.checkpoint import copied
from abag.training.recipe import load_recipe, recipe_names
from abag.training.run import first_state

WIDTHS = {"builtin": 256, "igt5": 1024, "esm2-650m": 1280, "esm2-3b": 2560, "prott5": 1024}
"""Of the encoders, as they are released."""


@pytest.mark.parametrize("name", recipe_names())
def test_a_checkpoint_of_every_recipe_is_smaller_than_fifty_megabytes(name: str) -> None:
    recipe = load_recipe(name)
    sides = (WIDTHS[recipe.network.antibody.id], WIDTHS[recipe.network.antigen.id])
    network = make_network(recipe.network, *sides)
    held = sum(t.numel() * t.element_size() for t in network.state_dict().values())
    assert held < 50e6
    # The state to resume from also holds two moments, the best weights and, with EMA, the mean.
    state = first_state(network, recipe)
    state.best = copied(network.state_dict().items())
    for parameter in network.parameters():
        parameter.grad = parameter * 0
    state.optimiser.step()
    whole = sum(t.numel() * t.element_size() for t in state.tensors().values())
    assert held * 3.9 < whole < held * (5.1 if recipe.optimiser.ema else 4.1)
