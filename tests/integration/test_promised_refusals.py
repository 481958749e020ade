"""What a file asks too much of, and streams that nobody reads, end in one sentence or in none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from abag.antibody.numbering.search import MOST_RESIDUES, align
from abag.data.formats import read_airr, read_complexes, read_fasta, read_pairs, read_table
from abag.errors import AbagError, FileFormatError
from abag.files import MOST_COLUMNS, read_parquet
from abag.training.recipe import load_recipe
from synthetic_pairs import HEAVY


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_a_table_of_more_columns_than_anybody_measures_is_refused(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"wide.{suffix}"
    table = pl.DataFrame({f"c{number}": ["1"] for number in range(MOST_COLUMNS + 1)})
    if suffix == "parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="\t" if suffix == "tsv" else ",")
    with pytest.raises(FileFormatError, match="columns"):
        read_table(path)
    if suffix == "parquet":
        with pytest.raises(FileFormatError, match="4,096 columns"):
            read_parquet(path)


@pytest.mark.parametrize("content", ["\n", "\r\n\r\n", "\ufeff\n", " ", "\t\n"])
@pytest.mark.parametrize(
    ("name", "read"),
    [("a.csv", read_table), ("a.tsv", read_airr), ("a.tsv", read_pairs), ("a.fasta", read_fasta),
     ("a.pdb", read_complexes), ("a.cif", read_complexes)],
)  # fmt: skip
def test_a_file_of_white_space_is_refused_by_name(
    tmp_path: Path, name: str, read: object, content: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode())
    with pytest.raises(AbagError, match=name):
        read(path)  # type: ignore[operator]


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "[" + "a." * 3_000 + "a]", "a = 1\n\x00"])
def test_a_recipe_that_is_nested_too_deeply_or_no_text_is_refused(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(AbagError, match=r"recipe\.toml"):
        load_recipe(path)


def test_a_chain_of_dozens_of_domains_is_not_searched_for_minutes() -> None:
    beads = (HEAVY + "GGGGS" * 3) * 40
    assert len(beads) > MOST_RESIDUES
    assert set(align({0: [beads, HEAVY]})) == {HEAVY}


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in a shell; ``$abag`` is the command line."""
    abag = f"{sys.executable} -m abag"
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=120,
        env={**os.environ, "abag": abag, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "status"),
    [("$abag --version >&-", 0), ("$abag number missing.fasta 2>&-", 2),
     ("$abag number missing.fasta >&- 2>&- <&-", 2), ("$abag number missing.fasta 2>/dev/full", 2),
     ("$abag --version | true", 0)],
)  # fmt: skip
def test_streams_that_nobody_reads_end_in_no_traceback(command: str, status: int) -> None:
    done = shell(command)
    assert done.returncode == status
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception" not in done.stderr


def test_an_interrupt_while_libraries_are_imported_says_that_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "cyclopts.py").write_text("raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = shell("$abag number x.fasta", PYTHONPATH=path)
    assert done.returncode == 130
    assert done.stderr == "abag: stopped\n"
