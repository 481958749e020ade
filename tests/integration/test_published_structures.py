"""Complexes of two published collections are read, with the chains that their tables name."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from abag.data.formats import ChainNames, read_complexes
from abag.data.formats.coordinates.complexes import Complex
from abag.errors import FileFormatError

pytestmark = pytest.mark.sources

NO_ANTIBODY = {"1AK4", "1FFW", "1JTG", "1KTZ", "1T83", "3K2M", "3WJJ", "HM_1KTZ"}


def unpacked(files: Iterable[Path], path: Path) -> Path:
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    path.write_bytes(b"\n".join(line for line in lines if not line.startswith(b"END")) + b"\n")
    return path


def names(found: Complex) -> tuple[set[str], set[str]]:
    antibody = {chain.name for chain in (found.heavy, found.light) if chain is not None}
    return antibody, {chain.name for chain in found.antigen}


def benchmark(sources: Path) -> dict[str, tuple[str, str]]:
    table = (sources / "piercelab_benchmark" / "antibody_antigen_cases.txt").read_text()
    found = re.findall(r"^(\w{4})_(\w+):(\w+)", table, re.MULTILINE)
    return {code: (antibody, antigen) for code, antibody, antigen in found}


def test_the_docking_benchmark(sources_dir: Path, tmp_path: Path) -> None:
    folder = sources_dir / "structures" / "piercelab"
    exact = 0
    for code, (antibody, antigen) in benchmark(sources_dir).items():
        files = [folder / f"{code}_{side}_b.pdb.gz" for side in "rl"]
        path = unpacked(files, tmp_path / f"{code}.pdb")
        if code == "2I25":
            with pytest.raises(FileFormatError, match="chain N is a VNAR"):
                read_complexes(path)
            continue
        (found,) = read_complexes(path)
        chains, partners = names(found)
        assert set(antibody) <= chains, code
        # A trimer is named whole in the table; the chains near the CDRs are a part of it.
        assert partners <= set(antigen), code
        exact += (chains, partners) == (set(antibody), set(antigen))
        light = found.light.name if found.light else None
        given = ChainNames(found.heavy.name, light, tuple(antigen))
        (named,) = read_complexes(path, given)
        assert names(named)[1] == set(antigen), code
    assert exact >= 58


def test_ab_bind(sources_dir: Path, tmp_path: Path) -> None:
    table = sources_dir / "deepinteraware" / "AB-Bind_experimental_data.csv"
    with table.open(encoding="utf-8", errors="replace") as stream:
        partners = {row["#PDB"]: row["Partners(A_B)"] for row in csv.DictReader(stream)}
    for file in sorted((sources_dir / "structures" / "ab_bind").glob("*.pdb.gz")):
        code = file.name.removesuffix(".pdb.gz")
        path = unpacked([file], tmp_path / f"{code}.pdb")
        if code in NO_ANTIBODY:
            with pytest.raises(FileFormatError, match="no chain with a heavy variable domain"):
                read_complexes(path)
            continue
        sides = {frozenset(side) for side in partners[code].split("_")}
        for found in read_complexes(path):
            assert {frozenset(chains) for chains in names(found)} == sides, code


def test_an_antibody_and_the_one_against_it_are_each_others_antigen(
    sources_dir: Path, tmp_path: Path
) -> None:
    file = sources_dir / "structures" / "ab_bind" / "1DVF.pdb.gz"
    found = read_complexes(unpacked([file], tmp_path / "1dvf.pdb"))
    assert [one.name for one in found] == ["1dvf_BA_DC", "1dvf_DC_BA"]
    assert all("antigen_is_an_antibody" in one.flags for one in found)
