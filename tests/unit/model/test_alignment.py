import pytest

from abag.model.alignment import Alignment, imgt_code
from synthetic_pairs import HEAVY


def letters(alignment: Alignment, chain: str) -> str:
    return alignment.letters([chain]).tobytes().decode()


def test_chains_of_equal_length_are_compared_place_by_place() -> None:
    alignment = Alignment.of(["ACDE", "AKDE", "ACDF"])
    assert alignment.positions.tolist() == [1, 3]
    assert letters(alignment, "WXYZ") == "XZ"


def test_a_chain_of_another_length_is_refused_with_the_mend() -> None:
    reason = Alignment.of(["ACDE", "AKDE"]).refusal("ACD")
    assert reason is not None
    assert "3 residues" in reason
    assert "align=imgt" in reason


def test_equal_chains_have_no_variable_position() -> None:
    assert Alignment.of(["ACDE"] * 3).positions.size == 0
    assert Alignment.of([""] * 3).letters(["", ""]).shape == (2, 0)


@pytest.mark.parametrize(
    ("position", "code"), [("5", 5000), ("111", 111000), ("111A", 111001), ("111AA", 111028)]
)
def test_imgt_positions_become_numbers(position: str, code: int) -> None:
    assert imgt_code(position) == code


def test_a_deletion_moves_no_other_position() -> None:
    shorter = HEAVY.replace("DGFYAMDY", "DGYAMDY")
    alignment = Alignment.of([HEAVY, shorter])
    assert alignment.length == -1
    # One residue of a nine-letter loop is gone: at most a few loop positions may differ.
    assert 1 <= alignment.positions.size <= 3
    assert all(105_000 <= code < 118_000 for code in alignment.positions.tolist())
    assert "-" in letters(alignment, shorter)


def test_a_chain_that_cannot_be_numbered_is_refused() -> None:
    alignment = Alignment.of([HEAVY, HEAVY[:50] + "WW" + HEAVY[52:]], "imgt")
    assert alignment.refusal(HEAVY) is None
    assert "numbered" in (alignment.refusal("ACDEFGHIKL" * 12) or "")
