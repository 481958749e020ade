"""One structure, paper or name has one spelling; what a spreadsheet ate is restored or flagged."""

from __future__ import annotations

import pytest

from abag.data.formats.numbers.identifiers import own_name, reference, structure_id


@pytest.mark.parametrize(
    "text", ["1N8Z_AB_C", "1n8z", "1N8Z:A", "1N8Z_BA_C", "PDB: 1N8Z", "1n8z.pdb", "pdb_00001n8z",
             "1N8Z (A,B,C)", "1N8Z-assembly1", " 1N8Z "],
)  # fmt: skip
def test_every_spelling_of_one_structure_is_one(text: str) -> None:
    assert structure_id(text) == ("1n8z", None)


@pytest.mark.parametrize(("text", "code"), [("6.00E+62", "6e62"), ("6E+62", "6e62"),
                                            ("1-Mar", "1mar")])  # fmt: skip
def test_what_a_spreadsheet_ate_is_restored_where_one_code_can_have_been_there(
    text: str, code: str
) -> None:
    assert structure_id(text) == (code, "structure_id_restored")


@pytest.mark.parametrize("text", ["1E+10", "5.00E+08", "1.20E+04", "10000000000", "1N8Z;3WSQ"])
def test_what_could_be_two_codes_is_left_out_with_a_flag(text: str) -> None:
    assert structure_id(text) == (None, "structure_id_unreadable")


@pytest.mark.parametrize("text", ["NA", "None", "-", "nan", ""])
def test_a_missing_structure_is_none(text: str) -> None:
    assert structure_id(text) == (None, None)


def test_a_name_of_ones_own_stays() -> None:
    assert structure_id("Model-17") == ("model-17", None)
    assert structure_id("6e62") == ("6e62", None)


@pytest.mark.parametrize(
    ("text", "read"),
    [("12345678.0", "12345678"), ("PMID: 12345678", "12345678"), ("12345678", "12345678"),
     ("https://doi.org/10.1000/ABC.1", "10.1000/abc.1"), ("doi:10.1000/abc", "10.1000/abc"),
     ("Smith 2020", "Smith 2020")],
)  # fmt: skip
def test_a_paper_has_one_name(text: str, read: str) -> None:
    assert reference(text) == (read, None)


def test_a_number_in_scientific_notation_is_no_paper_and_a_doubtful_name() -> None:
    assert reference("1.23E+07") == (None, "reference_unreadable")
    assert own_name("2.00E+08") == ("2.00E+08", "name_in_scientific_notation")
    assert own_name("2E8") == ("2E8", None)


@pytest.mark.parametrize(
    ("text", "code"),
    [("6,00E+62", "6e62"), ("01-Mar", "1mar"), ("https://www.rcsb.org/structure/1N8Z", "1n8z"),
     ("https://www.ebi.ac.uk/pdbe/entry/pdb/1n8z/", "1n8z")],
)  # fmt: skip
def test_more_spellings_of_one_structure(text: str, code: str) -> None:
    assert structure_id(text)[0] == code


@pytest.mark.parametrize(
    "text",
    ["2024-03-01", "2024-03-01 00:00:00", "Mar-01", "2.00E-03", "0.0", "12", "model", "AF2 model",
     "homology model", "AlphaFold", "in-house", "unpublished", "no structure", "see text",
     "this study", "cryo-EM"],
)  # fmt: skip
def test_what_names_no_structure_makes_no_complex_of_many(text: str) -> None:
    assert structure_id(text) == (None, "structure_id_unreadable")


@pytest.mark.parametrize("text", ["1N8Z model", "my-complex-3", "ab12", "AF-P04626", "EMD-1234"])
def test_names_of_ones_own_stay(text: str) -> None:
    assert structure_id(text)[0] is not None


@pytest.mark.parametrize(
    ("text", "paper"),
    [("https://pubmed.ncbi.nlm.nih.gov/12345678/", "12345678"), ("12,345,678", "12345678"),
     ("DOI 10.1038/ABC", "10.1038/abc")],
)  # fmt: skip
def test_more_spellings_of_one_paper(text: str, paper: str) -> None:
    assert reference(text) == (paper, None)
