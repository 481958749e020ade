"""What a training run refuses, in a sentence, and what it leaves whole."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("torch")

import safetensors.torch
import torch

from abag.data.build import load_table
from abag.data.splits import make_split
from abag.errors import FileFormatError, ModelError, SplitError
from abag.files import write_json, write_parquet
from abag.files.reading import SEAL
from abag.training.engine.checkpoint import LAST
from abag.training.engine.loop import Trainer
from abag.training.recipe import Recipe
from abag.training.run import resume, train
from abag.training.setup import Sources
from synthetic_pairs import complexes_table
from synthetic_runs import QUIET, encoders, outcome, tiny_recipe, with_time, write_inputs


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture
def sources(tmp_path: Path, inputs: Sources) -> Sources:
    """A table and a split that a test may change."""
    mine = (Path(shutil.copy(path, tmp_path)) for path in (inputs.table, inputs.split))
    return Sources(*mine)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, inputs: Sources) -> Path:
    """A run that was stopped after two steps."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    train(recipe(), inputs, run, with_time(0), encoders())
    resume(run, with_time(0), encoders=encoders())
    return run


@pytest.fixture
def begun(tmp_path: Path, stopped: Path, sources: Sources) -> Path:
    """The run that was stopped, begun from files that a test may change."""
    run = Path(shutil.copytree(stopped, tmp_path / "run"))
    content = json.loads((run / "run.json").read_text())
    del content[SEAL]
    write_json(run / "run.json", {**content, "sources": sources.as_json()}, seal=True)
    return run


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, inputs: Sources) -> dict[str, Any]:
    """What a run leaves that nothing stopped."""
    run = tmp_path_factory.mktemp("straight") / "run"
    train(recipe(), inputs, run, QUIET, encoders())
    return outcome(run)


def recipe(*settings: str) -> Recipe:
    """Two epochs of two steps."""
    return tiny_recipe("stopping.epochs=2", *settings)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_number_that_is_none_stops_at_its_step_and_names_the_rows(
    tmp_path: Path, sources: Sources, straight: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, own = tmp_path / "run", Trainer.loss_of
    poisoned: list[str] = []

    def poison(self: Trainer, batch, weights, output):
        loss = own(self, batch, weights, output)
        if self.state.progress.step == 2 and not poisoned:
            poisoned.extend(self.data.rows.record_ids(batch))
            return loss * float("nan")
        return loss

    monkeypatch.setattr(Trainer, "loss_of", poison)
    with pytest.raises(ModelError, match="step 2: the loss is nan") as caught:
        train(recipe(), sources, run, replace(QUIET, save_steps=1), encoders())
    written = json.loads((run / "nonfinite.json").read_text())
    assert written["step"] == 2
    (bad,) = (b for b in written["batches"] if b["loss"] == "nan")
    assert bad["record_ids"] == poisoned
    assert len(written["batches"]) == 2
    assert poisoned[0] in str(caught.value)
    # What was saved before is whole: without the poison the run goes on and ends as if nothing was.
    monkeypatch.setattr(Trainer, "loss_of", own)
    resume(run, QUIET, encoders=encoders())
    assert outcome(run) == straight


def test_an_infinite_gradient_stops_before_it_touches_a_weight(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def burst(parameters, limit):
        seen["weights"] = [p.detach().clone() for p in (seen.setdefault("own", list(parameters)))]
        return torch.tensor(float("inf"))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", burst)
    with pytest.raises(ModelError, match=r"gradient norm inf.*lower optimiser\.lr"):
        train(recipe(), sources, tmp_path / "run", QUIET, encoders())
    assert all(torch.equal(a, b) for a, b in zip(seen["own"], seen["weights"], strict=True))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_state_before(begun: Path, straight: dict[str, Any]) -> None:
    before = files(begun)
    with largest_file(4096), pytest.raises(FileFormatError, match=r"state.*large.*is whole\. Free"):
        resume(begun, replace(QUIET, save_steps=1), encoders=encoders())
    assert files(begun) == before
    assert not list(begun.glob(".state*"))
    resume(begun, QUIET, encoders=encoders())
    assert outcome(begun) == straight


@pytest.mark.parametrize("name", ["write_artefacts", "write_history"])
def test_a_disk_that_is_full_at_the_end_of_an_epoch_or_a_run_costs_no_step(
    name: str, begun: Path, straight: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    room = "abag.training.finish" if name == "write_artefacts" else "abag.training.run"
    with monkeypatch.context() as full:
        full.setattr(f"{room}.{name}", fail)
        with pytest.raises(FileFormatError, match=r"run cannot be .*No space left.*--resume .*run"):
            resume(begun, QUIET, encoders=encoders())
    resume(begun, QUIET, encoders=encoders())
    assert outcome(begun) == straight


def test_a_run_in_a_folder_that_may_only_be_read_is_named(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path.open

    def closed(self: Path, mode: str = "r", **options: Any) -> Any:
        if mode in ("r", "rb"):
            return own(self, mode, **options)
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(FileFormatError, match=r"\.lock cannot be .*Read-only file system.*mend"):
        resume(begun, QUIET, encoders=encoders())


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_whatever_hinders_the_writing_is_named(
    code: int, begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    before = files(begun)
    monkeypatch.setattr(safetensors.torch, "save_file", fail)
    with pytest.raises(FileFormatError, match=os.strerror(code)):
        resume(begun, with_time(0), encoders=encoders())
    assert files(begun) == before


def test_what_does_not_read_back_the_same_is_not_kept(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, before = safetensors.torch.save_file, files(begun)

    def wrong(tensors, path, metadata):
        name = next(iter(tensors))
        own({**tensors, name: torch.zeros_like(tensors[name]) + 7}, path, metadata)

    monkeypatch.setattr(safetensors.torch, "save_file", wrong)
    with pytest.raises(FileFormatError, match="does not read back the same"):
        resume(begun, with_time(0), encoders=encoders())
    assert files(begun) == before


def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileFormatError, match="is a file"):
        train(recipe(), sources, tmp_path / "file" / "run", QUIET, encoders())

    def closed(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    # A folder without write permission, also for a user who may write anywhere.
    monkeypatch.setattr("abag.files.writing.tempfile.mkstemp", closed)
    with pytest.raises(FileFormatError, match=r"recipe\.json cannot be written: Permission denied"):
        train(recipe(), sources, tmp_path / "run", QUIET, encoders())


def change_recipe(run: Path, sources: Sources) -> None:
    content = json.loads((run / "recipe.json").read_text())
    content["optimiser"]["lr"] = 0.5
    (run / "recipe.json").write_text(json.dumps(content))


def change_label(run: Path, sources: Sources) -> None:
    table = load_table(sources.table)
    write_parquet(
        sources.table, table.frame.with_columns(pl.col("pkd", "pkd_lower", "pkd_upper") + 0.01)
    )


def change_split(run: Path, sources: Sources) -> None:
    split = make_split(load_table(sources.table), "random", fractions=(0.6, 0.2, 0.2), seed=5)
    split.save(sources.split)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_recipe, r"recipe\.json was changed or damaged after it was written"),
        (change_label, "the table here has other measured values"),
        (change_split, "another split, or the split has changed since"),
    ],
)
def test_a_run_goes_on_with_what_it_was_started_with_alone(
    change: Callable[[Path, Sources], None], reason: str, begun: Path, sources: Sources
) -> None:
    change(begun, sources)
    before = files(begun)
    with pytest.raises((FileFormatError, SplitError), match=reason):
        resume(begun, QUIET, encoders=encoders())
    assert files(begun) == before


def test_other_chains_are_refused_by_the_split(begun: Path, sources: Sources) -> None:
    write_parquet(sources.table, complexes_table(48, antigens=5, seed=9))
    with pytest.raises(SplitError, match="made for another table"):
        resume(begun, QUIET, encoders=encoders())


def test_other_encoders_are_refused(begun: Path) -> None:
    one, other = encoders()[0], encoders()[0]
    other.revision = "r2"
    with pytest.raises(FileFormatError, match="other encoders"):
        resume(begun, QUIET, encoders=(one, other))


def test_a_state_of_another_run_is_refused(begun: Path, tmp_path: Path, sources: Sources) -> None:
    train(recipe("seed=1"), sources, tmp_path / "other", with_time(0), encoders())
    (begun / LAST).write_bytes((tmp_path / "other" / LAST).read_bytes())
    with pytest.raises(FileFormatError, match="another recipe"):
        resume(begun, QUIET, encoders=encoders())


def test_files_that_were_moved_may_be_named_anew(
    begun: Path, tmp_path: Path, sources: Sources
) -> None:
    (tmp_path / "new").mkdir()
    table, split = (shutil.move(p, tmp_path / "new") for p in (sources.table, sources.split))
    done = resume(begun, with_time(0), table=Path(table), split=Path(split), encoders=encoders())
    assert done.steps == 3


def test_the_report_of_a_run_says_that_it_is_unstable_and_is_not_green(
    tmp_path: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abag.training.monitors.SETTLED", 0)
    told, pages = replace(QUIET, report=True), {}
    for limit, status in ((1000, "unstable"), (0, "stable")):
        short = tiny_recipe(f"monitor.collapse_sd={limit}", "stopping.epochs=1")
        run = tmp_path / status
        assert train(short, sources, run, told, encoders()).status == status
        pages[status] = (run / "report.html").read_text()
    assert "Unstable: predictions have collapsed" in pages["unstable"]
    assert 'class="card not"' in pages["unstable"]
    assert "Unstable" not in pages["stable"]
