"""A screen gives what a prediction gives, every row once, whoever does it and however it stops."""

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from abag.data.formats.choices import Choices
from abag.engines import Answered, Engine, Here, Work
from abag.errors import FileFormatError, OptionError
from abag.inference.predictor import Predictor
from abag.inference.variants import given_parent
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.screening.options import ScreenOptions
from abag.screening.result import Merging
from abag.screening.run import Screened, screen_library
from synthetic_pairs import HEAVY, LIGHT, complexes_table

TABLE = complexes_table(50)
HER2 = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"
ANTIGENS = list(dict.fromkeys("/".join(chains) for chains in TABLE["antigen"].to_list()))[:2]
ROWS = 40
BAD = {7: "twelve", 23: ""}
"""Rows (from 0) without a heavy chain that can be read; row 31 has a field too many."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    KmerRidge().fit(TABLE).save(folder)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    heavies = [BAD.get(i, TABLE["heavy"][i]) for i in range(ROWS)]
    lines = [f"clone{i},{heavy},{LIGHT}" for i, heavy in enumerate(heavies)]
    lines[31] += ",more"
    (tmp_path / "library.csv").write_text("name,heavy,light\n" + "\n".join(lines) + "\n")
    return tmp_path / "library.csv"


@pytest.fixture
def antigens(tmp_path: Path) -> Path:
    records = [f">target{i}\n{chain}\n" for i, chain in enumerate(ANTIGENS)]
    (tmp_path / "antigens.fasta").write_text("".join(records))
    return tmp_path / "antigens.fasta"


Run = Callable[..., Screened]


@pytest.fixture
def run(model: Path, library: Path, antigens: Path, tmp_path: Path) -> Run:
    def screen(out: str, engine: Engine | None = None, **changed: Any) -> Screened:
        values = {"antigens": (str(antigens),), "model": model, "shard_rows": 9, "best": 5}
        overwrite = changed.pop("overwrite", False)
        options = ScreenOptions(**{**values, **changed})
        return screen_library(
            [str(library)], tmp_path / out, options, engine or Here(), overwrite=overwrite
        )

    return screen


def predictions(done: Screened) -> pl.DataFrame:
    return pl.read_parquet(done.out / "predictions" / "*.parquet")


def bytes_of(done: Screened) -> dict[str, bytes]:
    files = sorted(path for path in done.out.rglob("*") if path.is_file())
    return {path.relative_to(done.out).as_posix(): path.read_bytes() for path in files}


def test_every_row_is_predicted_or_quarantined_once_and_counts_add_up(run: Run):
    done = run("out")
    counts = done.counts
    assert (counts.antibodies, counts.antigens, counts.unread) == (ROWS - 1, 2, 1)
    assert counts.pairs == counts.antibodies * counts.antigens
    assert counts.predicted + counts.refused == counts.pairs
    assert counts.refused == 2 * len(BAD)
    assert counts.quarantined == counts.refused + counts.unread
    found = predictions(done)
    keys = found.select("file", "row", "antigen_name").rows()
    assert len(set(keys)) == len(keys) == counts.predicted + counts.quarantined
    assert sorted({row for _, row, _ in keys}) == list(range(2, ROWS + 2))
    quarantine = list(csv.DictReader((done.out / "quarantine.csv").open()))
    assert sorted({int(line["row"]) for line in quarantine}) == [9, 25, 33]
    assert len(quarantine) == counts.quarantined
    assert all(line["problem"] for line in quarantine)
    manifest = json.loads((done.out / "manifest.json").read_text())
    assert manifest["counts"] == asdict(counts)


def test_a_screen_says_what_a_prediction_says(run: Run, model: Path):
    found = predictions(run("out")).filter(pl.col("problem").is_null())
    asked = TABLE.select("heavy", "light")[[row - 2 for row in found["row"]]]
    names = {f"target{i}": [chain] for i, chain in enumerate(ANTIGENS)}
    pairs = asked.with_columns(
        pl.Series("light", [LIGHT] * found.height),
        pl.Series("antigen", [names[name] for name in found["antigen_name"]]),
    )
    alone = Predictor.load(model).predict_table(pairs)
    assert found["pkd"].to_list() == alone["pkd"].to_list()
    assert found["flags"].to_list() == alone["flags"].to_list()


def test_the_best_are_ranked_by_antigen_and_differ_from_each_other(run: Run):
    done = run("out", alike=0.94)
    best = pl.read_csv(done.out / "best.csv")
    for name, part in best.group_by("antigen_name", maintain_order=True):
        assert part["rank"].to_list() == list(range(1, part.height + 1)), name
        assert part["pkd"].is_sorted(descending=True)
        everyone = predictions(done).filter(pl.col("antigen_name") == name[0])
        assert part["pkd"][0] == everyone["pkd"].max()
        assert part["identity_to_better"].drop_nulls().max() < 0.94
    everything = pl.read_csv(run("all", alike=1.1).out / "best.csv")
    assert everything.height == 10
    assert everything["identity_to_better"].max() >= 0.94


def test_a_condition_lets_rows_pass_and_takes_none_away(run: Run):
    done = run("out", where="pkd >= 8.0 AND antigen_name = 'target1'")
    found = predictions(done)
    assert found.height == done.counts.predicted + done.counts.quarantined
    expected = found.filter(pl.col("pkd") >= 8.0, pl.col("antigen_name") == "target1")
    assert done.counts.passed == expected.height == found["passed"].sum() > 0
    best = pl.read_csv(done.out / "best.csv")
    assert best["pkd"].min() >= 8.0
    assert set(best["antigen_name"]) == {"target1"}


def test_a_packed_library_is_screened_like_a_plain_one(run: Run, library: Path):
    plain = predictions(run("plain"))
    packed = library.with_name("library.csv.gz")
    packed.write_bytes(gzip.compress(library.read_bytes(), mtime=0))
    library.unlink()
    packed.rename(library)  # what a file is, its content tells
    assert predictions(run("packed")).equals(plain)


def test_mutations_of_a_parent_are_a_library_and_a_bad_one_costs_a_line(tmp_path: Path):
    mutations = ["H:D31E", "H:W99A", "H:A31G", "L:Q89H"]  # the heavy chain has D at 31
    rows = [f"c{i},{text}" for i, text in enumerate(mutations)]
    (tmp_path / "library.csv").write_text("name,mutations\n" + "\n".join(rows) + "\n")
    parent = given_parent(HEAVY, LIGHT, None)
    options = ScreenOptions(antigens=(HER2,), parent=parent, shard_rows=2)
    done = screen_library([str(tmp_path / "library.csv")], tmp_path / "out", options, Here())
    found = predictions(done).filter(pl.col("problem").is_null())
    assert found["row"].to_list() == [2, 3, 5]
    variants = [
        HEAVY[:30] + "E" + HEAVY[31:], HEAVY[:98] + "A" + HEAVY[99:], HEAVY,
    ]  # fmt: skip
    light = [LIGHT, LIGHT, LIGHT[:88] + "H" + LIGHT[89:]]
    asked = pl.DataFrame({"heavy": variants, "light": light, "antigen": [HER2] * 3})
    alone = Predictor.load().predict_table(asked, parent=(HEAVY, LIGHT))
    assert found["pkd"].to_list() == alone["pkd"].to_list()
    (line,) = csv.DictReader((done.out / "quarantine.csv").open())
    assert line["row"] == "4"
    assert "D" in line["problem"]


def test_an_arm_is_chosen_of_constructs(run: Run, library: Path):
    heavies = [TABLE["heavy"][i] + "GGGGS" * 3 + TABLE["heavy"][i + 1] for i in range(4)]
    library.write_text("name,heavy\n" + "\n".join(f"c,{one}" for one in heavies) + "\n")
    assert run("none").counts.predicted == 0
    done = run("second", choices=Choices(arm=2))
    assert done.counts.predicted == 8
    best = pl.read_csv(done.out / "best.csv")
    assert set(best["heavy"]) <= set(TABLE["heavy"][1:5])


def test_candidates_hold_no_memory_of_the_shards_that_they_came_from(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    pools: list[pl.DataFrame] = []
    put_together = Merging.put_together

    def watched(self: Merging, *given: Any) -> Any:
        pools.append(self.pool)
        return put_together(self, *given)

    monkeypatch.setattr(Merging, "put_together", watched)
    assert run("out", shard_rows=2).shards == 20
    buffers = pools[0]["heavy"].to_arrow(compat_level=pl.CompatLevel.newest()).buffers()
    assert len(buffers) < 6, "a text column keeps the buffers of every shard alive"


class StopsAfter:
    """An engine that is lost after some pieces."""

    def __init__(self, pieces: int) -> None:
        self.pieces = pieces

    def answers(self, work: Work, pieces: Sequence[Any]) -> Iterator[Answered]:
        # The last come first: no order is promised.
        places = range(len(pieces))[::-1]
        for place in places[: self.pieces]:
            yield Answered(place, work.do(pieces[place]))
        if len(pieces) > self.pieces:
            raise KeyboardInterrupt


def test_a_stopped_screen_goes_on_and_ends_with_the_same_bytes(run: Run, tmp_path: Path):
    whole = bytes_of(run("whole"))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run("stopped", StopsAfter(2))
    assert not (tmp_path / "stopped").exists()
    done = run("stopped")
    assert done.shards_before == 4
    assert bytes_of(done) == whole
    assert not (tmp_path / "stopped.partial").exists()


def test_a_shard_that_was_damaged_or_is_of_another_screen_is_done_again(run: Run, tmp_path: Path):
    whole = bytes_of(run("whole"))
    with pytest.raises(KeyboardInterrupt):
        run("stopped", StopsAfter(4))
    pieces = sorted((tmp_path / "stopped.partial").glob("0*.parquet"))
    content = bytearray(pieces[0].read_bytes())
    content[100] ^= 0xFF
    pieces[0].write_bytes(bytes(content))
    pieces[1].write_bytes(pieces[2].read_bytes())
    with pytest.raises(FileFormatError, match="call the same command again"):
        run("stopped")
    done = run("stopped")
    assert done.shards_before == 3
    assert bytes_of(done) == whole


def test_a_finished_screen_is_left_as_it_is_by_the_same_call(run: Run, tmp_path: Path):
    whole = bytes_of(run("out"))
    (tmp_path / "out.partial").mkdir()  # a kill between the last two steps leaves it
    done = run("out", StopsAfter(0))
    assert done.shards_before == done.shards
    assert done.counts.predicted + done.counts.refused == done.counts.pairs > 0
    assert bytes_of(done) == whole
    assert not (tmp_path / "out.partial").exists()


def test_another_model_antigen_or_option_starts_anew(run: Run, tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        run("out", StopsAfter(3))
    assert run("out", best=4).shards_before == 0
    before = bytes_of(run("other", where="pkd > 3"))
    with pytest.raises(OptionError, match="holds a screen; name a new folder, or add --overwrite"):
        run("other")
    assert bytes_of(run("other", overwrite=True)) != before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"where": "colour = 'red'"}, "--where"),
        ({"where": "pkd + 1"}, "is no condition"),
        ({"by": "kd"}, "--by kd: rank by one of"),
        ({"best": 0}, "--best 0"),
        ({"alike": -1.0}, "--alike -1 is no CDR identity: give more than 0 and at most 1"),
        ({"antigens": ("EVQ1",)}, "--antigen"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_work(run: Run, options: Any, said: str):
    with pytest.raises(OptionError, match=said):
        run("out", StopsAfter(0), **options)
