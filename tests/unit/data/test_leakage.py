"""The audit finds what was planted, and nothing where nothing is."""

from __future__ import annotations

import json
import random

import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.leaks.leakage import HISTOGRAM_EDGES, NEITHER, audit
from abag.data.similarity import CdrSet
from abag.data.similarity.neighbours import nearest_rows
from abag.data.splits import Split
from abag.data.splits.split import ASSIGNMENT_SCHEMA, row_contents
from abag.errors import SplitError
from abag.evaluation.reporting.audit_figure import save_audit_figure


def chain(rng: random.Random, residues: int) -> str:
    return "".join(rng.choice(AMINO_ACIDS) for _ in range(residues))


def loops(rng: random.Random) -> CdrSet:
    return CdrSet((chain(rng, 8), chain(rng, 8), chain(rng, 14)), None)


class World:
    """Unrelated antibodies and antigens, one row each; the last ten rows are the test rows."""

    def __init__(self, rows: int = 60, seed: int = 0) -> None:
        rng = random.Random(seed)
        self.rng = rng
        self.cdrs: dict[str, CdrSet] = {}
        self.rows: list[dict[str, object]] = []
        for i in range(rows):
            self.add(f"HEAVY{AMINO_ACIDS[i % 20]}{i}", loops(rng), chain(rng, 120), rng.random())
        self.test = {f"r{i:03d}" for i in range(rows - 10, rows)}

    def add(self, heavy: str, cdrs: CdrSet, antigen: str, pkd: float, **more: object) -> None:
        self.cdrs[heavy + "/"] = cdrs
        at = len(self.rows)
        row = {"structure_id": f"{at}", "reference": f"doi:{at}", "assay": "kd", "mutations": None}
        self.rows.append(
            {"record_id": f"r{at:03d}", "heavy": heavy, "antigen": [antigen], "pkd": pkd, **row}
            | more
        )

    @property
    def table(self) -> pl.DataFrame:
        texts = dict.fromkeys(("mutations", "structure_id", "reference"), pl.String)
        return pl.DataFrame(self.rows, schema_overrides=texts).with_columns(
            light=pl.lit(None, dtype=pl.String)
        )

    def split(self, strategy: str = "both-cold") -> Split:
        contents = row_contents(self.table)
        assignment = contents.with_columns(
            group=pl.col("record_id"),
            part=pl.when(pl.col("record_id").is_in(list(self.test)))
            .then(pl.lit("test"))
            .otherwise(pl.lit("train")),
            barred=pl.lit([], dtype=pl.List(pl.String)),
        ).select(list(ASSIGNMENT_SCHEMA))
        return Split(strategy, {}, 0, assignment)

    def audit(self, strategy: str = "both-cold", **options: object):
        return audit(self.table, self.split(strategy), cdrs=self.cdrs, **options)


def changed(cdrs: CdrSet, at: int) -> CdrSet:
    h3 = list(cdrs.heavy[2])
    h3[at] = "A" if h3[at] != "A" else "C"
    return CdrSet((cdrs.heavy[0], cdrs.heavy[1], "".join(h3)), None)


def test_a_clean_split_is_called_clean():
    found = World().audit()
    assert found.verdict == "clean"
    assert found.believe == "figures hold for new antibodies against new antigens"
    assert not found.is_leaky
    assert found.share("antibody >= 0.8") == found.share("pair") == 0.0
    assert found.share("assay") == 1.0
    assert abs(found.copying.spearman) < 0.9


def test_one_planted_antibody_with_one_changed_residue_is_found():
    world = World()
    cdrs = changed(world.cdrs[world.rows[-1]["heavy"] + "/"], 5)
    world.add("PLANTED", cdrs, chain(world.rng, 120), 0.5)
    found = world.audit()
    # One of ten test rows; 29 of 30 CDR residues, 13 of 14 of CDR-H3.
    assert found.share("antibody >= 0.9") == found.share("cdr_h3 >= 0.8") == pytest.approx(0.1)
    assert found.share("antibody") == 0.0
    assert found.histograms["antibody"][HISTOGRAM_EDGES.index(0.95)] == 1
    assert found.broken_promises == ("antibodies",)
    assert found.verdict.startswith("leaks antibodies (10% of test rows have a training antibody")
    assert found.is_leaky


def test_one_planted_fragment_of_an_antigen_is_found():
    world = World()
    whole = world.rows[-1]["antigen"][0]
    world.add("PLANTED", loops(world.rng), chain(world.rng, 200) + whole[30:100], 0.5)
    found = world.audit("antigen-cluster")
    assert found.share("antigen") == 0.0
    assert found.share("antigen >= 0.5") == pytest.approx(0.1)
    assert found.broken_promises == ("antigens",)


def test_exact_copies_are_counted_by_what_they_share():
    world = World()
    last = world.rows[-1]
    cdrs = world.cdrs[last["heavy"] + "/"]
    world.add(last["heavy"], cdrs, last["antigen"][0], 2.0, structure_id=last["structure_id"])
    part = world.audit("random").parts[0]
    assert (part.test_rows, part.training_rows, part.left_out) == (10, 51, 0)
    assert part.same == {
        "pair": 1, "antibody": 1, "cdr_h3": 1, "antigen": 1, "structure": 1, "reference": 0,
        "assay": 10,
    }  # fmt: skip
    assert part.copying.copies == part.copying.copies_in_conflict == 1


def test_missing_values_are_no_shared_property():
    world = World()
    for row in world.rows:
        row["reference"] = row["structure_id"] = None
    same = world.audit().parts[0].same
    assert same["reference"] == same["structure"] == 0


def test_a_split_that_promises_nothing_is_leaky_when_nothing_is_new():
    world = World()
    for row in list(world.rows[-10:]):
        world.add(row["heavy"], world.cdrs[row["heavy"] + "/"], row["antigen"][0], row["pkd"])
    found = world.audit("random")
    assert found.broken_promises == ()
    assert found.believe == NEITHER
    assert found.is_leaky
    # Every test row has its own label in training.
    assert found.copying.spearman == pytest.approx(1.0)
    assert found.copying.copies == 10
    assert found.copying.copies_in_conflict == 0
    assert abs(found.copying.permuted_mean) < 0.6 < found.copying.spearman


def test_tied_neighbours_are_averaged():
    world = World(rows=30)
    for row in list(world.rows[-10:]):
        for shift in (-0.3, 0.3):
            world.add(
                row["heavy"], world.cdrs[row["heavy"] + "/"], row["antigen"][0], row["pkd"] + shift
            )
    assert world.audit("random").copying.spearman == pytest.approx(1.0)


def test_ranks_are_copied_inside_one_assay_only():
    world = World(rows=30)
    twins = [
        (row["heavy"], world.cdrs[row["heavy"] + "/"], row["antigen"][0], row["pkd"])
        for row in world.rows[-10:]
    ]
    for row in world.rows:
        row["assay"] = "first"
    for heavy, cdrs, antigen, score in twins:
        world.add(heavy, cdrs, antigen, -score, assay="second")
    table = world.table.rename({"pkd": "rank_score"})
    found = audit(table, world.split("random"), cdrs=world.cdrs)
    # The twins of the other assay, whose order is the reverse, are not copied.
    assert found.copying.copies == 0
    assert found.copying.spearman > -0.9


def test_shared_positions_break_a_position_block_split():
    world = World(rows=20)
    for at, row in enumerate(world.rows):
        row["mutations"] = f"H:A{at}G"
    assert world.audit("position-block").broken_promises == ()
    world.rows[0]["mutations"] = "H:A19C"
    found = world.audit("position-block")
    assert found.broken_promises == ("positions",)
    assert found.parts[0].positions == 1


def test_a_large_table_is_sampled_with_a_seed_and_says_so():
    world = World(rows=150)
    world.test = {f"r{i:03d}" for i in range(120)}
    found = world.audit(max_pairs=10)
    assert found.parts[0].examined_rows == 100
    assert "sample of 100 of 120 test rows" in found.notes[-1]
    assert sum(found.histograms["antigen"]) == 100
    assert world.audit(max_pairs=10).as_json() == found.as_json()


def test_the_audit_does_not_depend_on_the_order_of_rows():
    world = World()
    shuffled = audit(world.table.reverse(), world.split(), cdrs=world.cdrs)
    assert shuffled.as_json() == world.audit().as_json()


def test_the_nearest_row_is_nearest_in_antibody_and_antigen_together():
    world = World(rows=4)
    test, train = world.table.tail(1), world.table.head(3)
    twin = world.rows[3]
    world.cdrs["TWIN/"] = world.cdrs[twin["heavy"] + "/"]
    train = train.with_columns(
        heavy=pl.Series([train["heavy"][0], "TWIN", "TWIN"]),
        antigen=pl.Series([twin["antigen"], twin["antigen"], train["antigen"][2]]),
    )
    found = nearest_rows(test, train, world.cdrs)
    assert found.rows[0].tolist() == [1]
    assert found.antibody.tolist() == found.cdr_h3.tolist() == found.antigen.tolist() == [1.0]


def test_an_audit_refuses_another_table():
    world = World()
    with pytest.raises(SplitError, match="made for another table"):
        audit(world.table.head(30), world.split(), cdrs=world.cdrs)


def test_an_audit_is_json_and_a_picture(tmp_path):
    found = World().audit()
    content = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert content["verdict"] == "clean"
    assert set(content["shares"]) >= {"pair", "cdr_h3", "antibody >= 0.8", "antigen >= 0.5"}
    for name in ("a.png", "b.png"):
        save_audit_figure(found, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_table_without_labels_can_be_audited(tmp_path):
    world = World()
    table = world.table.with_columns(pkd=pl.lit(None, dtype=pl.Float64))
    found = audit(table, world.split(), cdrs=world.cdrs)
    assert found.copying.rows == 0
    assert found.copying.spearman is None
    save_audit_figure(found, tmp_path / "a.png")
