import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.errors import ModelError
from abag.maturation.adapt.antigens import adapt_file, folder_names, skill_together
from abag.maturation.assay.file import AssayFile, read_assays
from abag.model.assay_gp.model import AssayGP, AssayGPSettings
from abag.model.protocol import load_model
from synthetic_pairs import LIGHT, assay_table

ANTIGENS = {
    "H1": "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ",
    "H3": "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAWW",
}


def users_file(folder: Path, rows: int = 24) -> Path:
    parts = []
    for number, (name, chain) in enumerate(ANTIGENS.items()):
        table = assay_table(rows, seed=number)
        error = np.random.default_rng(number).normal(0.0, 0.3, rows)
        kd = pl.Series(10 ** (9 - (table["pkd"].to_numpy() + error)))
        parts.append(
            table.select("heavy", "light").with_columns(
                pl.lit(chain).alias("antigen"), pl.lit(name).alias("antigen_name"),
                kd.alias("KD (nM)"),
            )
        )  # fmt: skip
    path = folder / "assay.csv"
    pl.concat(parts).write_csv(path)
    return path


def test_a_file_of_two_antigens_gives_a_model_and_a_report_of_each(tmp_path: Path) -> None:
    done = adapt_file(users_file(tmp_path), tmp_path / "m")
    assert [one.folder.name for one in done] == ["H1", "H3"]
    for one in done:
        model = load_model(one.folder)
        assert isinstance(model, AssayGP)
        assert model.training.rows_used == 24
        assert any("together" in note and "alone" in note for note in one.notes)
        written = json.loads((one.report.parent / "adaptation.json").read_text())
        assert set(written["skill"]["random"]["models"]) == {
            "assay-gp", "alone", "one-hot-ridge", "mean",
        }  # fmt: skip
        assert one.verdict.headline in one.report.read_text()


@pytest.mark.usefixtures("no_pictures")
def test_a_file_of_one_antigen_gives_one_model(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    pl.read_csv(path).head(24).write_csv(path)
    (done,) = adapt_file(path, tmp_path / "m")
    assert done.folder == tmp_path / "m"


def test_held_out_variants_are_held_out_of_every_antigen(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    table = pl.read_csv(path)
    same = table.head(24).with_columns(
        table[24:]["antigen"], table[24:]["antigen_name"], table.head(24)["KD (nM)"].shuffle(seed=1)
    )
    pl.concat([table.head(24), same]).write_csv(path)
    assays = read_assays(path)
    skills = skill_together(assays, AssayGPSettings(target="pkd"))
    assert skills["H1"].rows == skills["H3"].rows == 24
    # The second antigen's values are the first one's in another order: to know a variant's value
    # on the first would help nobody, and nothing else is to be learnt of the second.
    ours = skills["H3"].of("assay-gp").spearman or 0.0
    assert ours < 0.5


def test_an_antigen_with_too_few_rows_is_named(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    pl.read_csv(path).head(27).write_csv(path)
    with pytest.raises(ModelError, match="H3 has 3 variants with a number; 5 are"):
        adapt_file(path, tmp_path / "m")


def test_folders_have_the_antigens_names_or_numbers() -> None:
    names = folder_names(["HA H1/1934", "HA H1|1934", "M" * 60])
    assert list(names.values()) == ["HA-H1-1934", "antigen-2", "antigen-3"]


@pytest.mark.usefixtures("no_pictures")
def test_variants_of_a_second_parent_get_a_model_of_their_own(tmp_path: Path) -> None:
    """A sheet of trastuzumab's variants, six of bevacizumab's (PDB 1bj1), and an odd row."""
    other = (
        "EVQLVESGGGLVQPGGSLRLSCAASGYTFTNYGMNWVRQAPGKGLEWVGWINTYTGEPTYAADFKRRFTFSLDTSKSTAYLQMNSLRAEDTAVYYCAK"
        "YPHYYGSSHWYFDVWGQGTLVTVSS"
    )
    mine = assay_table(10).with_columns(mutations=pl.lit(None, pl.String))
    chains = [*mine["heavy"], *(other[:101] + a + other[102:] for a in "ADEFGK"), other[:60] * 2]
    values = [*(10 ** (9 - mine["pkd"])).to_list(), *range(1, 7), 5]
    table = pl.DataFrame({"heavy": chains, "KD (nM)": [float(v) for v in values]})
    path = tmp_path / "assay.csv"
    table.with_columns(light=pl.lit(LIGHT), antigen=pl.lit(ANTIGENS["H1"])).write_csv(path)
    done = adapt_file(path, tmp_path / "m", assay_file=AssayFile(quarantine=True))
    assert [one.folder.name for one in done] == ["parent-1", "parent-2"]
    assert [one.assay.rows for one in done] == [10, 6]
    assert done[1].model.kin is done[0].model
    for one in done:
        aside = pl.read_csv(one.report.parent / "set_aside.csv")
        assert aside["source_row"].to_list() == [18]
        assert one.as_json()["rows"] == {
            "in": one.assay.rows + 1, "kept": one.assay.rows, "set_aside": 1,
        }  # fmt: skip
