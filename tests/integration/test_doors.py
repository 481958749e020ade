"""What one command knows of people's files, every other knows: doors by capabilities.

Each cell of the matrix runs a command on a small file. ``None`` says that a door has no such file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import gemmi
import polars as pl
import pytest

from command_line import run
from synthetic_pairs import HEAVY, LIGHT

VHH = (
    "QVQLVESGGGLVQAGGSLRLSCAASGRTFSSYAMGWFRQAPGKEREFVAAISWSGGSTYYADSVKGRFTISRDNAKNTVYLQMNSLKPEDTA"
    "VYYCAADPRPWSGTYWGQGTQVTVSS"
)
OTHER_LIGHT = LIGHT.replace("QQHYTTPPT", "QQSYSTPLT")
ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYV"
MUTATIONS = ["WT", *(f"H:{HEAVY[i]}{i + 1}{to}" for i in (31, 32, 53, 98, 101) for to in "SK")]


def table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def assay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mutation lists with values and names, without chains and without an antigen."""
    rows = [f"c{i},{text},{2.0 + i % 7}" for i, text in enumerate(MUTATIONS)]
    return table(
        tmp_path_factory.mktemp("assay") / "assay.csv", "Clone ID,mutations,KD (nM)", *rows
    )


@pytest.fixture(scope="module")
def model(assay: Path) -> Path:
    folder = assay.parent / "model"
    parent = ("--parent-heavy", HEAVY, "--parent-light", LIGHT)
    assert run("adapt", assay, "--out", folder, *parent) == 0
    return folder


def construct(folder: Path) -> Path:
    """An antibody with a VHH in front of its constant domain: arm 1 is the Fv, arm 2 the VHH."""
    heavy = f"{HEAVY}{'GGGGS' * 3}{VHH}"
    return table(folder / "construct.csv", "Clone ID,heavy,light", f"c1,{heavy},{LIGHT}")


def cells(folder: Path) -> Path:
    """One cell with two light chains, of which the second has more UMIs."""
    fields = "sequence_id\tcell_id\tlocus\tproductive\tsequence_alignment_aa\tumi_count"
    chains = (("IGH", HEAVY, 9), ("IGL", OTHER_LIGHT, 3), ("IGK", LIGHT, 12))
    rows = [f"s{i}\tc1\t{name}\tT\t{letters}\t{n}" for i, (name, letters, n) in enumerate(chains)]
    return table(folder / "cells.tsv", fields, *rows)


def structure(folder: Path) -> Path:
    """Two Fvs without antigen; H and L are the parent."""
    made = gemmi.Structure()
    model = gemmi.Model(1)
    letters = {"H": HEAVY, "L": LIGHT, "X": VHH}
    for place, (name, residues) in enumerate(letters.items()):
        chain = gemmi.Chain(name)
        for number, letter in enumerate(residues):
            residue = gemmi.Residue()
            residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
            residue.seqid = gemmi.SeqId(number + 1, " ")
            atom = gemmi.Atom()
            atom.name, atom.element = "CA", gemmi.Element("C")
            atom.pos = gemmi.Position(4.0 * place if name != "X" else 200.0, 3.8 * number, 0.0)
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    made.add_model(model)
    made.setup_entities()
    path = folder / "model.pdb"
    path.write_text(made.make_pdb_string())
    return path


DOORS: Final[dict[str, Callable[[Path, Path, Path], list[object]]]] = {
    "predict": lambda file, model, out: ["predict", "--table", file, "--model", model,
                                         "--out", out / "p.csv"],
    "scan": lambda file, model, out: ["scan", "--parent", file, "--model", model, "--out",
                                      out / "scan", "--positions", "H:99-100"],
    "explain": lambda file, model, out: ["explain", "--parent", file, "--model", model,
                                         "--substitutes", "A"],
    "propose": lambda file, model, out: ["propose", "--parent", file, "--model", model, "--out",
                                         out / "plate", "--n", 4, "--max-mutations", 1],
    "embed": lambda file, model, out: ["embed", file, "--store", out / "store", "--role",
                                       "antibody"],
    "number": lambda file, model, out: ["number", file, "--out", out / "n.csv"],
}  # fmt: skip
"""Commands that read antibodies from a file."""

CAPABILITIES: Final[dict[str, tuple[Callable[[Path], Path], list[object]]]] = {
    "an arm of a construct": (construct, ["--arm", 1]),
    "the chains of a structure": (structure, ["--chains", "heavy=H,light=L"]),
    "the light chain with most UMIs": (cells, ["--most-umis"]),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("capability", CAPABILITIES)
def test_every_door_takes_the_choices_of_a_file(
    door: str, capability: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write, options = CAPABILITIES[capability]
    file = write(tmp_path)
    assert run(*DOORS[door](file, model, tmp_path), *options) == 0, capsys.readouterr().err
    chains = {
        "predict": lambda: pl.read_csv(tmp_path / "p.csv").height == 1,
        "scan": lambda: set(pl.read_csv(tmp_path / "scan" / "scan.csv")["light"]) == {LIGHT},
        "propose": lambda: set(
            pl.read_csv(tmp_path / "plate" / "proposed.csv")["light"].drop_nulls()
        ) == {LIGHT},
        "number": lambda: set(pl.read_csv(tmp_path / "n.csv")["CDR3"]) == {
            "SRWGGDGFYAMDY", "QQHYTTPPT"
        },
    }  # fmt: skip
    assert chains.get(door, lambda: True)()


@pytest.mark.parametrize("door", [door for door in DOORS if door != "number"])
def test_no_door_chooses_an_arm_by_itself(
    door: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*DOORS[door](construct(tmp_path), model, tmp_path)) == 2
    assert "--arm" in capsys.readouterr().err


def test_an_arm_is_chosen_of_measured_constructs(tmp_path: Path) -> None:
    rows = [
        f"c{i},{HEAVY[:98]}{to}{HEAVY[99:]}{'GGGGS' * 3}{VHH},{LIGHT},{i + 1}"
        for i, to in enumerate("WAGSTVYFLI")
    ]
    file = table(tmp_path / "assay.csv", "Clone ID,heavy,light,KD (nM)", *rows)
    assert run("adapt", file, "--out", tmp_path / "no") == 2
    assert run("adapt", file, "--out", tmp_path / "model", "--arm", 1) == 0
    told = ("--map", "antigen_unknown:=true", "--arm", 2)
    assert run("data", "import", file, "--out", tmp_path / "t.parquet", *told) == 0
    made = pl.read_parquet(tmp_path / "t.parquet")
    assert set(made["heavy"]) == {VHH}
    assert set(made["light"]) == {None}


def test_mutation_lists_without_an_antigen_go_through_every_door_of_an_assay(
    assay: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p.csv"
    assert run("predict", "--model", model, "--table", assay, "--out", out) == 0
    assert pl.read_csv(out)["antibody_name"].to_list() == [f"c{i}" for i in range(11)]
    parent = ("--parent-heavy", HEAVY, "--parent-light", LIGHT)
    folder = tmp_path / "campaign"
    assert run("adapt", assay, "--campaign", folder, *parent) == 0
    small = ("--start", 5, "--rounds", 1, "--batch", 2, "--seeds", 1, "--top", 0.2)
    assert run("simulate", assay, "--out", tmp_path / "replay", *parent, *small) == 0


def test_names_travel_into_what_is_written(assay: Path, model: Path, tmp_path: Path) -> None:
    held_out = pl.read_csv(model.parent / "model-report" / "held_out.csv")
    assert set(held_out["antibody_name"]) <= {f"c{i}" for i in range(11)}
    pairs = table(tmp_path / "t.csv", "Sample,heavy,light,Lot", f"mine,{HEAVY},{LIGHT},7")
    out = tmp_path / "p.csv"
    told = ("--model", model, "--keep-columns", "--sort", "pkd", "--top", 1)
    assert run("predict", "--table", pairs, "--out", out, *told) == 0
    row = pl.read_csv(out).row(0, named=True)
    assert (row["antibody_name"], row["Lot"]) == ("mine", 7)
    assert run("scan", "--parent", pairs, "--model", model, "--out", tmp_path / "s",
               "--positions", "H:99-99") == 0  # fmt: skip
    assert ">" in (tmp_path / "s" / "scan.fasta").read_text()
    assert "mine" in (tmp_path / "s" / "summary.json").read_text()


@pytest.mark.parametrize("door", ["predict", "predict table", "scan", "explain", "embed"])
def test_an_antigen_may_be_a_file_at_every_door(door: str, model: Path, tmp_path: Path) -> None:
    file = table(tmp_path / "ab.csv", "Name,heavy,light", f"a,{HEAVY},{LIGHT}")
    antigen = tmp_path / "antigen.fasta"
    antigen.write_text(f">HER2\n{ANTIGEN}\n")
    commands: dict[str, list[object]] = {
        "predict": ["predict", "--heavy", HEAVY, "--light", LIGHT],
        "predict table": DOORS["predict"](file, model, tmp_path),
        "scan": DOORS["scan"](file, model, tmp_path),
        "explain": DOORS["explain"](file, model, tmp_path),
        "embed": DOORS["embed"](file, model, tmp_path)[:-2],
    }
    assert run(*commands[door], "--antigen", antigen) == 0
    if door == "predict":
        assert run(*commands[door], "--antigen", tmp_path / "no.fasta") == 2


def test_the_parent_of_an_adapted_model_is_explained_where_no_antibody_is_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["explain", "--model", model, "--substitutes", "A", "--out", tmp_path / "why"]
    assert run(*asked) == 0
    positions = pl.read_csv(tmp_path / "why" / "importance.csv", infer_schema=False)
    residues = positions.filter(pl.col("chain") == "heavy")["residue"]
    assert "".join(residues) == HEAVY
    for unfinished in (("--light", LIGHT), ("--name", "Ab7")):
        assert run(*asked[:3], *unfinished) == 2
        assert "--heavy is missing" in capsys.readouterr().err


def test_every_numbering_stands_in_what_is_printed(model: Path, tmp_path: Path) -> None:
    file = table(tmp_path / "ab.csv", "Name,heavy,light", f"a,{HEAVY},{LIGHT}")
    for door in ("scan", "propose", "number"):
        assert run(*DOORS[door](file, model, tmp_path)) == 0
    assert run(*DOORS["explain"](file, model, tmp_path), "--out", tmp_path / "why") == 0
    scan = pl.read_csv(tmp_path / "scan" / "scan.csv").filter(pl.col("mutation") == "H:W99A")
    named = ("imgt", "kabat", "chothia", "martin", "aho")
    told = ("107", "H:W95A", "H:W95A", "H:W95A", "H:W109A")
    assert scan.select(pl.col(named).cast(pl.String)).row(0) == told
    plate = pl.read_csv(tmp_path / "plate" / "proposed.csv")
    assert set(named) <= set(plate.columns)
    why = pl.read_csv(tmp_path / "why" / "importance.csv", infer_schema=False)
    place = why.filter((pl.col("chain") == "heavy") & (pl.col("position") == "99"))
    assert place.select(named).row(0) == ("107", "95", "95", "95", "109")
    numbers = pl.read_csv(tmp_path / "n.csv")
    assert " 95W " in numbers["martin"][0]
    assert " 109W " in numbers["aho"][0]


LIST = ("Clone ID,mutations", "x,Y33F", "y,Y33FQ", "c,isotype control", "w,W99A")


def test_rows_of_a_list_that_do_not_fit_stay_with_their_problem(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "list.csv", *LIST)
    asked = ("predict", "--table", file, "--model", model, "--out", tmp_path / "p.csv")
    assert run(*asked) == 2
    told = capsys.readouterr().err
    assert "--keep-going" in told
    assert "--quarantine" not in told
    assert run(*asked, "--keep-going") == 0
    made = pl.read_csv(tmp_path / "p.csv")
    assert made["antibody_name"].to_list() == ["x", "y", "c", "w"]
    assert made["pkd"].is_not_null().to_list() == [True, False, False, True]
    assert "several residues for one" in made["problem"][1]
    assert made["problem"][2] == "a control, no variant"


def test_controls_of_a_list_are_told_where_they_are_left_out(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = table(tmp_path / "list.csv", *(row for row in LIST if "Q" not in row))
    assert run("predict", "--table", file, "--model", model, "--out", tmp_path / "p.csv") == 0
    assert "1 control set aside (row 3)" in capsys.readouterr().err


@pytest.mark.parametrize("door", ["number", "embed"])
def test_no_door_advises_an_option_that_it_lacks(
    door: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ("w,WT," + HEAVY + "," + LIGHT, "x,Y33F,,", "v,Y33S,,", "y,Y33FQ,,")
    file = table(tmp_path / "list.csv", "Clone ID,mutations,heavy,light", *rows)
    assert run(*DOORS[door](file, model, tmp_path)) == 2
    told = capsys.readouterr().err
    assert "several residues for one" in told
    assert "--quarantine" not in told
