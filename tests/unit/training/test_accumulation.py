"""Several small batches give the gradients of one big one."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

pytest.importorskip("torch")

import torch
from test_rows import parts_of

from abag.model.network.inputs import PairFeatures
from abag.model.network.network import make_network
from abag.training.engine.accumulation import shares, usable_rows
from abag.training.engine.data import TrainingData
from abag.training.engine.loop import Trainer
from abag.training.engine.plan import BatchPlan
from abag.training.engine.rows import training_rows
from abag.training.recipe import Recipe
from abag.training.run import first_state
from synthetic_encoder import HashEncoder
from synthetic_pairs import complexes_table
from synthetic_runs import tiny_recipe

ROW_MEANS = ["mse", "huber", "focal-mse", "gaussian-nll", "tobit", "bce"]
STEADY = [
    "network.fusion.dropout=0", "network.head.dropout=0", "network.head.classifier=true",
    "network.antibody.pooling=mean", "network.antigen.pooling=mean",
    "network.fusion.kind=concatenation", "network.head.normalisation=none",
]  # fmt: skip
"""Without dropout, and without long sums of rounded numbers."""


def trainer_of(recipe: Recipe, tmp_path) -> Trainer:
    table = complexes_table(48)
    # A third of the rows are bounds, all in a row: batches with few exact rows and with many.
    bounded = pl.int_range(pl.len()) < 16
    table = table.with_columns(
        pl.when(bounded).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("pkd", "pkd_upper")
    )
    split = parts_of(table, ["train"] * 32 + ["val"] * 8 + ["test"] * 8)
    rows = training_rows(table, split, None, recipe)
    encoder = HashEncoder()
    features = PairFeatures.of(rows.table, encoder, encoder, recipe.network)
    plan = BatchPlan.of(
        rows, features.lengths.sum(axis=1), recipe.sampler, recipe.batch, recipe.seed
    )
    network = make_network(recipe.network, 6, 6, seed=1)
    network.centre(8.0)
    return Trainer(
        data=TrainingData(recipe, rows, features, plan), state=first_state(network, recipe),
        run=tmp_path, identity={}, device=torch.device("cpu"),
    )  # fmt: skip


def norm(tensors) -> float:
    return float(torch.cat([tensor.flatten() for tensor in tensors]).norm())


def gradients(
    trainer: Trainer, batches: list[np.ndarray], weights: np.ndarray | None = None
) -> tuple[float, dict]:
    trainer.network.zero_grad()
    weights = shares(trainer.data.usable, batches) if weights is None else weights
    total = 0.0
    for batch, weight in zip(batches, weights, strict=True):
        (output,) = trainer.outputs_of([(0, batch)])
        loss = trainer.loss_of(batch, weight, output)
        loss.backward()
        total += loss.item()
    named = trainer.network.named_parameters()
    return total, {name: p.grad.clone() for name, p in named if p.grad is not None}


@pytest.mark.parametrize("kind", [*ROW_MEANS, "all of them"])
def test_accumulated_gradients_are_those_of_one_batch(kind: str, tmp_path):
    kinds = ROW_MEANS if kind == "all of them" else [kind, *(["mse"] if kind == "bce" else [])]
    terms = ",".join(f'{{"kind": "{k}"}}' for k in kinds)
    trainer = trainer_of(tiny_recipe(f"loss=[{terms}]", *STEADY), tmp_path)
    rows = trainer.data.rows.train
    loss, whole = gradients(trainer, [rows])
    batches = [rows[:10], rows[10:19], rows[19:]]
    again, parts = gradients(trainer, batches)
    plain = np.array([[len(batch) / len(rows)] * len(trainer.recipe.loss) for batch in batches])
    _, by_rows = gradients(trainer, batches, plain)
    assert again == pytest.approx(loss, abs=1e-6)
    assert whole.keys() == parts.keys()
    size = norm(whole.values())
    assert size > 1e-3
    assert norm(whole[name] - parts[name] for name in whole) < 1e-6 * max(1.0, size)
    # Weighed by rows, without regard to which can be used, they are far from each other.
    if kind in ("mse", "huber", "focal-mse", "gaussian-nll"):
        assert norm(whole[name] - by_rows[name] for name in whole) > 1e-2 * size


def test_losses_inside_a_batch_see_that_batch_alone(tmp_path):
    recipe = tiny_recipe('loss=[{"kind": "mse", "weight": 1e-9}, {"kind": "soft-spearman"}]',
                         *STEADY)  # fmt: skip
    trainer = trainer_of(recipe, tmp_path)
    rows = trainer.data.rows.train
    loss, _ = gradients(trainer, [rows])
    parts, _ = gradients(trainer, [rows[:16], rows[16:]])
    assert abs(loss - parts) > 1e-3


def test_a_term_counts_a_batch_by_the_rows_it_can_use(tmp_path):
    recipe = tiny_recipe('loss=[{"kind": "mse"}, {"kind": "tobit"}, {"kind": "ranking"}]', *STEADY)
    trainer = trainer_of(recipe, tmp_path)
    rows = trainer.data.rows
    usable = usable_rows(rows, recipe)
    assert usable[0].tolist() == rows.labels.exact.tolist()
    assert usable[1].all()
    weights = shares(usable, [rows.train[:8], rows.train[8:]])
    # 16 of the 32 training rows are bounds, and the first 8 rows are all of them.
    np.testing.assert_allclose(weights, [[0.0, 8 / 32, 8 / 32], [1.0, 24 / 32, 24 / 32]])


def test_a_term_that_no_row_of_the_step_can_use_weighs_nothing():
    weights = shares(np.zeros((1, 4), dtype=bool), [np.array([0, 1]), np.array([2, 3])])
    assert weights.tolist() == [[0.0], [0.0]]


POOLED = ["network.antibody.pooling=mean", "network.antigen.pooling=mean"]


@pytest.mark.parametrize("name", ["v2.6", "v2.7"])
def test_batches_of_pooled_molecules_are_computed_together_and_nothing_else_changes(
    name: str, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    """With dropout and losses inside a batch: the same weights to rounding."""
    settings = ["batch.size=5", "batch.accumulate=4", "network.fusion.dropout=0.3", *POOLED]
    trainers = [trainer_of(tiny_recipe(*settings, name=name), tmp_path) for _ in range(2)]
    (step, *_) = trainers[0].data.plan.epoch(0)
    assert [len(group) for group in trainers[0].data.joined(list(enumerate(step)))] == [4]
    together = [trainers[0].take(step) for _ in range(3)]
    monkeypatch.setattr(TrainingData, "joined", lambda self, step: [[one] for one in step])
    alone = [trainers[1].take(step) for _ in range(3)]
    assert together == pytest.approx(alone, abs=1e-5)
    ours, theirs = (trainer.network.state_dict() for trainer in trainers)
    for weight, tensor in ours.items():
        assert torch.allclose(tensor, theirs[weight], atol=1e-5), weight


def test_batches_are_left_apart_where_rows_or_normalisation_ask_for_it(tmp_path):
    for settings in (["network.head.normalisation=none"],
                     [*POOLED, "network.head.normalisation=batch"]):  # fmt: skip
        trainer = trainer_of(tiny_recipe("batch.accumulate=4", *settings, name="v2.7"), tmp_path)
        (step, *_) = trainer.data.plan.epoch(0)
        groups = trainer.data.joined(list(enumerate(step)))
        assert [len(group) for group in groups] == [1, 1, 1, 1]


def test_query_and_key_of_one_pooled_row_stay_as_they_are(tmp_path):
    trainer = trainer_of(tiny_recipe(*POOLED, name="v2.7"), tmp_path)
    before = {n: t.clone() for n, t in trainer.network.state_dict().items()}
    trainer.take(trainer.data.plan.epoch(0)[0])
    moved = {n for n, t in trainer.network.state_dict().items() if not torch.equal(t, before[n])}
    still = before.keys() - moved
    assert still == {n for n in before if ".query." in n or ".key." in n or ".score." in n}


@pytest.mark.parametrize("together", [1, 2])
def test_dropout_is_drawn_anew_for_each_step_and_each_batch_of_it(together: int, tmp_path):
    """Of what came before it depends on nothing: a step that is done again draws the same."""
    recipe = tiny_recipe("network.fusion.dropout=0.5", "network.head.dropout=0.5", *POOLED,
                         name="v2.7")  # fmt: skip
    trainer = trainer_of(recipe, tmp_path)
    trainer.network.train()
    batch = trainer.data.rows.train[:8]

    def drawn(step: int, place: int) -> torch.Tensor:
        trainer.state.progress.step = step
        group = [(place + number, batch) for number in range(together)]
        return trainer.outputs_of(group)[0].pkd.detach()

    first = drawn(0, 0)
    assert not torch.equal(first, drawn(1, 0))
    assert not torch.equal(first, drawn(0, 1))
    assert torch.equal(first, drawn(0, 0))
