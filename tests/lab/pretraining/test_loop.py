"""The schedule by hand, the loss by hand, and what ends a run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from abag.encoders.adapters.builtin_model import HEAVY, LIGHT, tokens_of  # noqa: E402
from abag.errors import FileFormatError, MissingFileError, ModelError  # noqa: E402
from abag.files import read_tensors, write_tensors  # noqa: E402
from abag_lab.pretraining.config import PretrainConfig  # noqa: E402
from abag_lab.pretraining.loop import (  # noqa: E402
    CHECKPOINT,
    LAST,
    PREVIOUS,
    PretrainingTrainer,
    by_budget,
    first_state,
    learning_rate,
    make_model,
    masked_loss,
)
from abag_lab.pretraining.views import Item, hide  # noqa: E402

CONFIG = PretrainConfig(
    width=16, layers=1, heads=2, feed_forward=32, steps=4, warmup_steps=2, tokens_per_batch=128,
    threads=1, precision="fp32",
)  # fmt: skip
CPU = torch.device("cpu")
SAME = {"run": "same"}


def trainer(run: Path, config: PretrainConfig = CONFIG) -> PretrainingTrainer:
    items = [
        Item(f"id{i}", ((HEAVY, "A" * 20), (LIGHT, "C" * 10)), (False,) * 30) for i in range(8)
    ]
    return PretrainingTrainer(
        state=first_state(config), run=run, identity=SAME, device=CPU, config=config, items=items,
        held_out=[],
    )  # fmt: skip


def test_the_rate_warms_up_linearly_and_ends_at_its_share() -> None:
    config = PretrainConfig(steps=110, warmup_steps=10, learning_rate=1.0, final_rate_share=0.1)
    assert learning_rate(0, config) == pytest.approx(0.1)
    assert learning_rate(9, config) == pytest.approx(1.0)
    assert learning_rate(10, config) == pytest.approx(1.0)
    assert learning_rate(60, config) == pytest.approx(0.1 + 0.9 * 0.5)
    assert learning_rate(110, config) == pytest.approx(0.1)


def test_weights_are_a_function_of_the_seed() -> None:
    first, second = make_model(CONFIG), make_model(CONFIG)
    other = make_model(CONFIG.model_copy(update={"seed": 1}))
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_an_untrained_network_is_about_as_good_as_a_guess() -> None:
    masked = hide(
        tokens_of([(HEAVY, "ACDEFGHIKLMNPQRSTVWY" * 5)]), np.zeros(100, np.bool_),
        np.random.default_rng(0), share=0.5,
    )  # fmt: skip
    loss = masked_loss(make_model(CONFIG), [masked], CPU)
    assert loss.shape == (masked.places.size,)
    assert loss.mean().item() == pytest.approx(math.log(20), abs=0.1)


def test_the_loss_of_a_molecule_does_not_depend_on_its_batch() -> None:
    model = make_model(CONFIG)
    random = np.random.default_rng(0)
    long = hide(tokens_of([(HEAVY, "ACDEFGHIKL" * 9)]), np.zeros(90, np.bool_), random, share=0.3)
    short = hide(tokens_of([(LIGHT, "ACDEF")]), np.zeros(5, np.bool_), random, share=0.3)
    together = masked_loss(model, [short, long], CPU)
    alone = masked_loss(model, [short], CPU)
    torch.testing.assert_close(together[: short.places.size], alone, rtol=0, atol=1e-6)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    config = CONFIG.model_copy(
        update={"steps": 60, "learning_rate": 0.02, "log_every": 10, "checkpoint_every": 100}
    )
    run = trainer(tmp_path, config)
    assert run.train()
    progress = run.state.progress
    losses = [row["loss"] for row in progress.curve]
    assert losses[-1] < 0.5 * losses[0]
    assert progress.epoch > 5
    assert [row["step"] for row in progress.curve] == [10, 20, 30, 40, 50, 60]


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_molecules(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    with torch.no_grad():
        run.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"the loss is nan.*id\d"):
        run.train()
    assert not (tmp_path / LAST).exists()


def test_the_optimiser_decays_matrices_only() -> None:
    state, seen = first_state(CONFIG), set()
    for group in state.optimiser.param_groups:
        for parameter in group["params"]:
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
            seen.add(id(parameter))
    assert seen == {id(parameter) for parameter in state.network.parameters()}


def test_a_checkpoint_gives_everything_back(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.train()
    state = first_state(CONFIG.model_copy(update={"seed": 9}))
    assert CHECKPOINT.read(tmp_path, SAME, state.restore) == LAST
    assert state.progress == run.state.progress
    for a, b in zip(state.network.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(a, b)
        for key, value in run.state.optimiser.state[b].items():
            assert torch.equal(state.optimiser.state[a][key], value)


def test_a_checkpoint_of_another_recipe_or_corpus_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.train(seconds=0)
    with pytest.raises(FileFormatError, match="another config or corpus"):
        CHECKPOINT.read(tmp_path, {"run": "other"}, run.state.restore)


def test_a_flipped_byte_and_another_format_are_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.train(seconds=0)
    whole = (tmp_path / LAST).read_bytes()
    tensors, said = read_tensors(tmp_path / LAST)
    (tmp_path / LAST).write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    with pytest.raises(FileFormatError, match="another digest"):
        CHECKPOINT.read(tmp_path, SAME, run.state.restore)
    write_tensors(tmp_path / LAST, tensors, {**said, "format": "99"})
    with pytest.raises(FileFormatError, match="no training state of this abag"):
        CHECKPOINT.read(tmp_path, SAME, run.state.restore)


def test_two_damaged_checkpoints_are_both_named(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"no tensors")
    with pytest.raises(FileFormatError, match=r"checkpoint\.saf.*checkpoint\.previous"):
        CHECKPOINT.read(tmp_path, SAME, run.state.restore)


def test_no_checkpoint_is_said_plainly(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    with pytest.raises(MissingFileError, match="no checkpoint to resume from"):
        CHECKPOINT.read(tmp_path, SAME, run.state.restore)


def test_a_failed_write_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path)
    run.train(seconds=0)
    before = (tmp_path / LAST).read_bytes()

    def full(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(FileFormatError, match=r"No space.*whole"):
        run.train(seconds=0)
    assert (tmp_path / LAST).read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {LAST, "loss_curve.csv"}


def test_evaluation_batches_hold_each_molecule_once() -> None:
    random = np.random.default_rng(0)
    masked = [
        hide(tokens_of([(HEAVY, "A" * n)]), np.zeros(n, np.bool_), random, share=0.2)
        for n in range(5, 60)
    ]
    batches = by_budget(masked, 200)
    assert sum(map(len, batches)) == len(masked)
    assert all(len(b) * max(len(m.codes) for m in b) <= 200 for b in batches if len(b) > 1)
