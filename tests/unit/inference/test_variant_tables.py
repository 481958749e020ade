"""Tables of variants of one parent: by chains, by mutations, by CDRs alone."""

from pathlib import Path

import polars as pl
import pytest

import abag
from abag.antibody.grafting import fitting_definition, graft, loop_name, loops_of
from abag.errors import OptionError, SequenceError, TableError
from abag.inference.inputs import library_parent
from abag.inference.tables import predict_file
from abag.inference.variants import (
    LIBRARY,
    GivenParent,
    given_parent,
    read_variants,
)
from synthetic_antibodies import made_up_antibodies
from synthetic_pairs import HEAVY, LIGHT
from synthetic_variants import variants

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQ"
PARENT = GivenParent(HEAVY, LIGHT, (ANTIGEN,))
H3 = "SRWGGDGFYAMDY"


def written(path: Path, **columns: list[str]) -> Path:
    count = len(next(iter(columns.values())))
    named = {"name": [f"v{i}" for i in range(count)], **columns}
    pl.DataFrame(named).write_csv(path)
    return path


def heavies(table: Path, **options: str) -> list[str]:
    return read_variants(table, PARENT, **options).frame["heavy"].to_list()


def test_the_three_spellings_of_a_table_give_the_same_variants(tmp_path: Path) -> None:
    mutant = HEAVY.replace(H3, "SRAGGDGFYAMDY")
    chains = written(tmp_path / "chains.csv", heavy=[mutant, HEAVY])
    changes = written(tmp_path / "changes.csv", mutations=["H:W99A", "WT"])
    loops = written(tmp_path / "loops.csv", HCDR3=["SRAGGDGFYAMDY", H3])
    assert heavies(chains) == heavies(changes) == heavies(loops) == [mutant, HEAVY]
    assert read_variants(chains, PARENT).frame["light"].to_list() == [LIGHT, LIGHT]
    assert read_variants(loops, PARENT).frame["antigen"].to_list() == [[ANTIGEN]] * 2


def test_a_list_of_mutations_needs_no_second_column(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("mutations\nWT\nH:W99A, H:Y105F; L:D28E\nH:W99A\n", encoding="utf-8")
    one = heavies(path)
    assert one[0] == HEAVY
    assert one[2] == HEAVY.replace(H3, "SRAGGDGFYAMDY")
    assert one[1] == HEAVY.replace(H3, "SRAGGDGFFAMDY")
    assert read_variants(path, PARENT).frame["light"].to_list()[1] != LIGHT


@pytest.mark.parametrize("definition", ["imgt", "kabat", "chothia"])
def test_loops_of_every_definition_are_found_by_what_they_look_like(definition: str) -> None:
    own = loops_of(HEAVY, LIGHT, definition)
    rows = [{"HCDR2": own["HCDR2"], "HCDR3": own["HCDR3"][:-1] + "W", "LCDR1": own["LCDR1"]}]
    heavy, light = graft(HEAVY, LIGHT, rows[0], fitting_definition(HEAVY, LIGHT, rows))
    assert light == LIGHT
    assert sum(a != b for a, b in zip(heavy, HEAVY, strict=True)) == 1


def test_a_loop_that_stands_twice_is_refused() -> None:
    twice = HEAVY + "GGGGS" + H3
    with pytest.raises(SequenceError, match="stands 2 times"):
        graft(twice, None, {"HCDR3": "SRAGG"}, "imgt")
    with pytest.raises(SequenceError, match="is not found"):
        graft(HEAVY, None, {"LCDR1": "QSVSSN"}, "imgt")


@pytest.mark.parametrize(
    ("column", "loop"),
    [
        ("HCDR1", "HCDR1"), ("CDRH3", "HCDR3"), ("CDR-L2", "LCDR2"), ("VL_CDR3", "LCDR3"),
        ("heavy_cdr2", "HCDR2"), ("cdr3", None), ("heavy", None), ("HCDR4", None),
    ],
)  # fmt: skip
def test_names_of_loop_columns(column: str, loop: str | None) -> None:
    assert loop_name(column) == loop


def test_every_mutation_that_does_not_fit_is_named(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", mutations=["H:W99A", "H:A99W", "H:G1A"])
    with pytest.raises(TableError) as caught:
        read_variants(table, PARENT)
    assert [problem.row for problem in caught.value.problems] == [3, 4]


def test_a_table_without_chains_mutations_or_loops_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="HCDR1 to LCDR3"):
        read_variants(written(tmp_path / "t.csv", note=["a"]), PARENT)


def test_a_parent_is_named_once() -> None:
    with pytest.raises(OptionError, match="one of the two"):
        given_parent(None, None, None)
    assert given_parent(HEAVY, LIGHT, None, [ANTIGEN]).antigen == (ANTIGEN,)


def test_a_library_is_told_from_a_list_of_antibodies() -> None:
    library = pl.DataFrame({"heavy": variants(12), "light": [LIGHT] * 12})
    assert library_parent(library) == (HEAVY, LIGHT)
    assert library_parent(library[:5]) is None
    others = [
        (heavy + "A" * i, light) for i, (heavy, light) in enumerate(made_up_antibodies(12, 3))
    ]
    assert library_parent(pl.DataFrame(others, schema=["heavy", "light"], orient="row")) is None


def test_a_parent_that_nobody_measured_ranks_its_variants(tmp_path: Path) -> None:
    bare = HEAVY.replace(H3, "SRAAAAAAAAMDY")
    table = written(tmp_path / "t.csv", heavy=[HEAVY, HEAVY.replace(H3, "SRAGGDGFYAMDY"), bare])
    found = predict_file(None, table, None, parent=PARENT).predictions
    assert found["changes"].to_list() == [0, 1, 7]
    assert found["pkd"].is_sorted(descending=True)
    assert found["delta_pkd"][0] == 0.0
    single = abag.predict(heavy=HEAVY, light=LIGHT, antigen=ANTIGEN)
    assert found["pkd"][0] == single.pkd
    assert found["level_pkd"].n_unique() == 1


def test_a_library_is_recognised_and_its_rows_stay_what_they_are(tmp_path: Path) -> None:
    chains = variants(10)
    table = written(tmp_path / "t.csv", heavy=chains, light=[LIGHT] * 10, antigen=[ANTIGEN] * 10)
    plain = predict_file(None, table, None)
    assert any("a library of one antibody" in note for note in plain.notes)
    alone = abag.predict(heavy=chains[3], light=LIGHT, antigen=ANTIGEN)
    assert plain.predictions["pkd"][3] == alone.pkd
    asked = predict_file(None, table, None, parent=LIBRARY)
    assert asked.predictions["level_pkd"].n_unique() == 1
    with pytest.raises(OptionError, match="not plainly a library"):
        predict_file(
            None,
            written(tmp_path / "u.csv", heavy=chains[:2], light=[LIGHT] * 2, antigen=[ANTIGEN] * 2),
            None,
            parent=LIBRARY,
        )
