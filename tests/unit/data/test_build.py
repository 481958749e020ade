"""A table and its manifest belong together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from abag.data.build import import_table, load_table, merge_table
from abag.data.formats import read_measurements
from abag.errors import OptionError, SchemaError
from abag.files import sha256_of

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFTFSSYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQ"
    "MNSLRAEDTAVYYCAK"
)


def imported(folder: Path, name: str, kd_nanomolar: float) -> Path:
    csv = folder / f"{name}.csv"
    csv.write_text(f"heavy,antigen,KD (nM)\n{HEAVY}DRGYWGQGTLVTVSS,MKTAYIAK,{kd_nanomolar}\n")
    import_table(read_measurements(csv), [csv], folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def test_a_table_in_the_place_of_another_is_named(tmp_path: Path) -> None:
    one, two = imported(tmp_path, "one", 1.0), imported(tmp_path, "two", 30.0)
    assert load_table(one)["pkd"].to_list() == [9.0]
    shutil.copy(two, one)
    with pytest.raises(SchemaError, match=r"one.parquet is not the table that one.manifest.json"):
        load_table(one)
    one.with_suffix(".manifest.json").unlink()
    assert load_table(one)["pkd"].to_list() == load_table(two)["pkd"].to_list()


def test_a_table_imported_anew_is_read_with_its_new_manifest(tmp_path: Path) -> None:
    imported(tmp_path, "one", 1.0)
    assert load_table(imported(tmp_path, "one", 10.0))["pkd"].to_list() == [8.0]


def test_a_merged_table_takes_the_place_of_an_imported_one_with_its_manifest(
    tmp_path: Path,
) -> None:
    one, two = imported(tmp_path, "one", 1.0), imported(tmp_path, "two", 30.0)
    merge_table(two, one)
    assert load_table(one)["pkd"].to_list() == load_table(two)["pkd"].to_list()
    manifest = json.loads(one.with_suffix(".manifest.json").read_text())
    assert manifest["files_read"] == {"two.parquet": sha256_of(two)}
    with pytest.raises(OptionError, match="is a file that is read"):
        merge_table(two, two)
