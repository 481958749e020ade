"""Columns of chains are known by the words of their names, and by what they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from abag.data.formats.columns import pairs_table
from abag.data.formats.sequences.chain_names import role_by_words
from abag.errors import TableError
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "KVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWW"


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("VH AA Sequence", "heavy"),
        ("Heavy Chain Variable Region", "heavy"),
        ("Heavy chain (VH)", "heavy"),
        ("mAb heavy chain", "heavy"),
        ("VHH amino acid sequence", "heavy"),
        ("seq_h", "heavy"),
        ("VK/VL", "light"),
        ("vl_protein", "light"),
        ("VLambda", "light"),
        ("Antigen protein sequence", "antigen"),
        ("TargetSequence", "antigen"),
        ("VH gene", None),
        ("VH nt sequence", None),
        ("heavy CDR3", None),
        ("light isotype", None),
        ("HC/LC ratio", None),
        ("antibody sequence", None),
        ("heavy or light", None),
    ],
)
def test_a_name_tells_the_chain_if_all_its_words_do(name: str, role: str | None) -> None:
    assert role_by_words(name) == role


def written(path: Path, header: str) -> Path:
    path.write_text(f"name,{header}\nx,{HEAVY},{LIGHT},{ANTIGEN}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "header",
    ["VH AA sequence,VL AA sequence,antigen", "Heavy variable,Vkappa,Ag (protein)", "H,L,Ag"],
)
def test_a_pair_is_read_under_any_such_names(tmp_path: Path, header: str) -> None:
    row = pairs_table(written(tmp_path / "pairs.csv", header))[0].row(0, named=True)
    assert (row["heavy"], row["light"], row["antigen"]) == (HEAVY, LIGHT, [ANTIGEN])


def test_a_light_chain_under_a_name_that_says_nothing_is_not_lost(tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.csv", "VH,second chain,antigen")
    with pytest.raises(TableError, match="--map light='second chain'"):
        pairs_table(path)
