"""bf16 inside, fp32 where numbers are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from test_accumulation import trainer_of

from abag.training.engine.accumulation import shares
from abag.training.engine.loop import autocast
from abag.training.engine.validation import predict
from synthetic_runs import tiny_recipe

STILL = ["network.fusion.dropout=0", "network.head.dropout=0"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_output_and_loss_are_fp32_under_any_precision(precision: str, tmp_path: Path) -> None:
    trainer = trainer_of(tiny_recipe(f"precision={precision}", *STILL), tmp_path)
    rows = trainer.data.rows.train
    with autocast(precision, trainer.device):
        output = trainer.network(trainer.data.batch(rows, trainer.device))
    assert output.pkd.dtype == output.value.dtype == torch.float32
    assert output.log_variance is not None
    assert output.log_variance.dtype == torch.float32
    # Values of bf16 near 8 lie 1/32 apart: the last layer is not rounded to them.
    steps = output.pkd.detach() * 32
    assert float((steps - steps.round()).abs().max()) > 0.01
    (output,) = trainer.outputs_of([(0, rows)])
    loss = trainer.loss_of(rows, shares(trainer.data.usable, [rows])[0], output)
    assert loss.dtype == torch.float32
    loss.backward()
    assert {p.grad.dtype for p in trainer.network.parameters() if p.grad is not None} == {
        torch.float32
    }


def test_bf16_moves_a_loss_a_little_and_a_prediction_not_at_all(tmp_path: Path) -> None:
    exact, rounded = (
        # BatchNorm would keep means of the rounded rows.
        trainer_of(
            tiny_recipe(f"precision={p}", "network.head.normalisation=layer", *STILL), tmp_path
        )
        for p in ("fp32", "bf16")
    )
    rows = exact.data.rows.train
    weights = shares(exact.data.usable, [rows])[0]
    a, b = (
        trainer.loss_of(rows, weights, *trainer.outputs_of([(0, rows)])).item()
        for trainer in (exact, rounded)
    )
    assert a != b
    assert a == pytest.approx(b, rel=0.05)
    found = [predict(t.network, t.data, rows, t.recipe, t.device)[0] for t in (exact, rounded)]
    np.testing.assert_array_equal(*found)
