"""``abag number`` and the table behind it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from abag.antibody.numbering.table import number_records
from abag.apps.cli import main
from abag.errors import SequenceError

VHH = (
    "EVQLVESGGGLVQPGGSLRLSCAASGRTFSYNPMGWFRQAPGKGRELVAAISRTGGSTYYPDSVEGRFTISRDNAKRMVYLQMNSLRAED"
    "TAVYYCAAAGVRAEDGRVRTLPSEYTFWGQGTQVTVSS"
)
LAMBDA = (
    "QSALTQPASVSGSPGQSITISCTGTSSDVGGYNYVSWYQQHPGKAPKLMIYDVSNRPSGVSNRFSGSKSGNTASLTISGLQAEDEADYYC"
    "SSYTSSSTRVFGTGTKVTVL"
)


def run(*arguments: str) -> None:
    """The command; one that succeeds may end by returning or with status 0."""
    try:
        main(list(arguments))
    except SystemExit as end:
        if end.code not in (0, None):
            raise


def test_a_sequence_gives_one_json_object(capsys: pytest.CaptureFixture[str]):
    run("number", "--sequence", "GS" + LAMBDA, "--json")
    (domain,) = json.loads(capsys.readouterr().out)["domains"]
    assert (domain["kind"], domain["start"], domain["end"]) == ("lambda", 3, 2 + len(LAMBDA))
    assert (domain["CDR1"], domain["CDR2"], domain["CDR3"]) == ("SSDVGGYNY", "DVS", "SSYTSSSTRV")
    assert domain["numbering"].startswith("1Q 2S 3A")


def test_a_fasta_file_becomes_a_csv_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fasta, out = tmp_path / "chains.fasta", tmp_path / "numbers.csv"
    fasta.write_text(f">nb\n{VHH}\n>scfv\n{VHH}GGGGS{LAMBDA}\n>other\nACDEFGHIKLMNPQ\n")
    run("number", str(fasta), "--out", str(out))
    table = pl.read_csv(out)
    assert table["name"].to_list() == ["nb", "scfv", "scfv", "other"]
    assert table["kind"].to_list() == ["vhh", "heavy", "lambda", None]
    assert "3 variable domains in 3 chains" in capsys.readouterr().out


def test_text_says_when_there_is_no_domain(capsys: pytest.CaptureFixture[str]):
    run("number", "--sequence", "ACDEFGHIKLMNPQ")
    assert "no antibody variable domain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "FASTA file or --sequence"),
        (["--sequence", "EV-QL"], "'-' at place 3"),
        (["--sequence", VHH, "--out", "numbers.xlsx"], "CSV"),
        (["missing.fasta"], "missing.fasta"),
    ],
)
def test_bad_input_ends_with_status_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as end:
        main(["number", *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_regions_of_the_table_join_to_the_domain():
    row = number_records([("nb", "M" + VHH + "HHHHHH")]).row(0, named=True)
    joined = "".join(row[name] for name in ("FR1", "CDR1", "FR2", "CDR2", "FR3", "CDR3", "FR4"))
    assert joined == VHH
    assert row["length"] == len(VHH) + 7


def test_an_empty_chain_is_named():
    with pytest.raises(SequenceError, match="ab7: the sequence is empty"):
        number_records([("ab7", "")])


def test_no_record_gives_an_empty_table_with_its_columns():
    assert number_records([]).columns[:4] == ["name", "length", "domain", "kind"]
