"""What people type: a right answer or a refusal that says why, never a crash or a silent guess."""

import numpy as np
import polars as pl
import pytest

import abag
from abag.antibody.alphabet import AMINO_ACIDS
from abag.errors import ModelError, OptionError, SequenceError
from abag.inference.predictor import Prediction, Predictor
from synthetic_pairs import HEAVY, LIGHT, random_chain

RNG = np.random.default_rng(0)
ANTIGEN = random_chain(RNG, 200)
# Human IgG1 and kappa constant domains (UniProt P01857, P01834).
IGG1 = (
    "ASTKGPSVFPLAPSSKSTSGGTAALGCLVKDYFPEPVTVSWNSGALTSGVHTFPAVLQSSGLYSLSSVVTVPSSSLGTQTYICNVNHKPSNTKVDKKVEP"
    "KSCDKTHTCPPCPAPELLGGPSVFLFPPKPKDTLMISRTPEVTCVVVDVSHEDPEVKFNWYVDGVEVHNAKTKPREEQYNSTYRVVSVLTVLHQDWLNGK"
    "EYKCKVSNKALPAPIEKTISKAKGQPREPQVYTLPPSREEMTKNQVSLTCLVKGFYPSDIAVEWESNGQPENNYKTTPPVLDSDGSFFLYSKLTVDKSRW"
    "QQGNVFSCSVMHEALHNHYTQKSLSLSPGK"
)
KAPPA = (
    "RTVAAPSVFIFPPSDEQLKSGTASVVCLLNNFYPREAKVQWKVDNALQSGNSQESVTEQDSKDSTYSLSSTLTLSKADYEKHKVTNHQGLSSPVTKSFNR"
    "GEC"
)
VHH = (
    "QVQLVESGGGLVQAGGSLRLSCAASGRTFSSYAMGWFRQAPGKEREFVAAISWSGGSTYYADSVKGRFTISRDNAKNTVYLQMNSLKPEDTAVYYCAADR"
    "GYGTSWYDYWGQGTQVTVSS"
)
LINKER = "GGGGS" * 3


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return abag.load()


@pytest.fixture(scope="module")
def plain(shipped: Predictor) -> Prediction:
    return shipped.predict_pair(HEAVY, LIGHT, ANTIGEN)


def is_whole(one: Prediction) -> bool:
    """Whether a prediction has a number, an interval around it and a verdict."""
    numbers = (one.pkd, one.pkd_lower, one.pkd_upper, one.group_rmse)
    assert all(value is not None and np.isfinite(value) for value in numbers)
    assert one.pkd_lower < one.pkd < one.pkd_upper  # type: ignore[operator]
    return one.domain is not None


@pytest.mark.parametrize(
    ("heavy", "light", "flag"),
    [
        (HEAVY + IGG1, LIGHT + KAPPA, "constant_domain_trimmed"),
        (HEAVY + LINKER + LIGHT, None, "single_chain_parted"),
        (LIGHT + LINKER + HEAVY, None, "single_chain_parted"),
        (LIGHT, HEAVY, "chains_swapped"),
        (HEAVY.lower(), LIGHT, "lower_case_mended"),
        (" ".join(HEAVY), LIGHT, "gaps_removed"),
        (HEAVY + "*", LIGHT, "stop_codon_trimmed"),
    ],
)
def test_another_spelling_of_the_same_antibody_gets_the_same_number(
    shipped: Predictor, plain: Prediction, heavy: str, light: str | None, flag: str
) -> None:
    one = shipped.predict_pair(heavy, light, ANTIGEN)
    assert flag in one.flags
    assert (one.pkd, one.pkd_lower, one.domain) == (plain.pkd, plain.pkd_lower, plain.domain)


def test_a_nanobody_needs_no_light_chain(shipped: Predictor) -> None:
    one = shipped.predict_pair(VHH, None, ANTIGEN)
    assert is_whole(one)
    assert "light_missing" in one.flags


@pytest.mark.parametrize("residues", [8, 5_000])
def test_antigens_may_be_short_and_long(shipped: Predictor, residues: int) -> None:
    antigen = "SIINFEKL" if residues == 8 else random_chain(RNG, residues)
    one = shipped.predict_pair(HEAVY, LIGHT, antigen)
    assert is_whole(one)
    assert one.domain == "known antibody, other antigen"


def test_an_antigen_may_be_a_complex(shipped: Predictor, plain: Prediction) -> None:
    one = shipped.predict_pair(HEAVY, LIGHT, [ANTIGEN[:100], ANTIGEN[100:], "SIINFEKL"])
    assert is_whole(one)
    # A model may leave an unknown antigen out of its number; what is near is another matter.
    assert one.nearest_similarity != plain.nearest_similarity


def test_a_few_unknown_residues_are_flagged(shipped: Predictor) -> None:
    one = shipped.predict_pair(HEAVY.replace("GGDG", "GXXG"), LIGHT, ANTIGEN + "XXX")
    assert is_whole(one)
    assert "unknown_residues" in one.flags


@pytest.mark.parametrize(
    ("antigen", "flag"),
    [
        ("MKT", "antigen_very_short"),
        ("ACGTACGTAC", "antigen_could_be_nucleotides"),
        (HEAVY, "antigen_is_the_antibody"),
        ([ANTIGEN, LIGHT], "antigen_is_the_antibody"),
    ],
)
def test_a_likely_mistake_is_flagged(
    shipped: Predictor, antigen: str | list[str], flag: str
) -> None:
    assert flag in shipped.predict_pair(HEAVY, LIGHT, antigen).flags


def test_a_usual_pair_raises_no_doubt(plain: Prediction) -> None:
    assert set(plain.flags) <= {"antibody_not_in_training", "antigen_not_in_training"}


@pytest.mark.parametrize(
    ("heavy", "light", "antigen", "words"),
    [
        (HEAVY, LIGHT, "ATGGCC" * 60, "looks like nucleotides"),
        ("ATGGCC" * 60, LIGHT, ANTIGEN, "looks like nucleotides"),
        (HEAVY, LIGHT, random_chain(RNG, 6_001), "more than 6000"),
        (HEAVY, LIGHT, "MK" + "X" * 12, "12 unknown residues of 14"),
        (HEAVY[:40] + "X" * 40 + HEAVY[80:], LIGHT, ANTIGEN, "40 unknown residues of 120"),
        (HEAVY, VHH, ANTIGEN, "both chains are heavy"),
        (LIGHT, None, ANTIGEN, "only a light chain"),
        (ANTIGEN, None, HEAVY, "no antibody variable domain"),
        (HEAVY[:8], LIGHT, ANTIGEN, "no antibody variable domain"),
        (HEAVY, LIGHT, "", "no antigen"),
        (HEAVY, LIGHT, [], "no antigen"),
        (HEAVY, LIGHT, "MKTÄ", "'Ä' at residue 4"),
        (">name\n" + HEAVY, LIGHT, ANTIGEN, "'>' at residue 1"),
        (HEAVY + LINKER + HEAVY, None, ANTIGEN, "one antibody a row"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    shipped: Predictor, heavy: str, light: str | None, antigen: str | list[str], words: str
) -> None:
    with pytest.raises(SequenceError, match=words):
        shipped.predict_pair(heavy, light, antigen)


def test_a_table_says_the_same_of_each_odd_pair(shipped: Predictor) -> None:
    rows = [
        (HEAVY, LIGHT, ANTIGEN), (VHH, None, "SIINFEKL"), (LIGHT, HEAVY, ANTIGEN),
        (HEAVY, LIGHT, "ATGGCC" * 60), (ANTIGEN, None, HEAVY),
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=["heavy", "light", "antigen"], orient="row")
    found = shipped.predict_table(table, keep_going=True)
    for place, (heavy, light, antigen) in enumerate(rows[:3]):
        one = shipped.predict_pair(heavy, light, antigen)
        row = found.row(place, named=True)
        assert {name: row[name] for name in ("pkd", "pkd_lower", "domain")} == {
            "pkd": one.pkd, "pkd_lower": one.pkd_lower, "domain": one.domain,
        }  # fmt: skip
        assert tuple(row["flags"]) == one.flags
    assert found["pkd"].is_null().to_list() == [False, False, False, True, True]
    assert found["domain"].is_null().to_list() == [False, False, False, True, True]


def test_every_residue_may_be_in_an_antigen(shipped: Predictor) -> None:
    assert is_whole(shipped.predict_pair(HEAVY, LIGHT, AMINO_ACIDS * 3))


@pytest.mark.parametrize(
    ("chains", "words"),
    [
        ({"heavy": 3}, r"the heavy chain is 3 \(int\); give it as text"),
        ({"heavy": HEAVY, "light": 0}, r"the light chain is 0 \(int\)"),
        ({"heavy": HEAVY, "antigen": 5.5}, r"the antigen chain is 5.5 \(float\)"),
        ({"heavy": HEAVY, "antigen": [ANTIGEN, None]}, r"the antigen chain is None"),
    ],
)
def test_a_chain_that_is_no_text_is_named(chains: dict[str, object], words: str) -> None:
    with pytest.raises(SequenceError, match=words):
        abag.predict(**chains)  # type: ignore[call-overload]


def test_without_an_antigen_means_none_however_it_is_written(shipped: Predictor) -> None:
    for antigen in ((), [], None):
        with pytest.raises(SequenceError, match="no antigen sequence"):
            shipped.predict_pair(HEAVY, LIGHT, antigen)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "by_name", "words"),
    [
        ((), {}, "missing a required argument: 'heavy'; it takes heavy, light"),
        ((HEAVY,), {"antgen": ANTIGEN}, "'antgen'; it takes heavy, light"),
        ((HEAVY, LIGHT, ANTIGEN, "x", "y"), {}, "too many positional arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_told_what_there_is(
    arguments: tuple[str, ...], by_name: dict[str, str], words: str
) -> None:
    with pytest.raises(OptionError, match=words):
        abag.predict(*arguments, **by_name)  # type: ignore[call-overload]


def test_what_is_no_model_is_named() -> None:
    for call in (lambda: abag.predict(3), lambda: abag.predict(HEAVY, model=3)):  # type: ignore[call-overload]
        with pytest.raises(ModelError, match=r"3 \(int\) is no model"):
            call()
    with pytest.raises(ModelError, match=r"3 \(int\) is no model: give the folder"):
        abag.load(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["x", None, 0, 1, float("nan")])
def test_a_level_that_is_no_share_is_named(level: object) -> None:
    with pytest.raises(OptionError, match=f"is '?{level}'?; give a share above 0 and below 1"):
        abag.load(level=level)  # type: ignore[arg-type]
