"""Questions that everybody asks first, answered as an immunologist would."""

import json
from pathlib import Path

import polars as pl
import pytest

import abag
from abag.inference.prediction import Prediction
from abag.inference.predictor import Predictor
from synthetic_antibodies import made_up_antibodies

EXAMPLES = pl.read_csv(Path(abag.__file__).parent / "resources" / "examples" / "well_known.csv")
TRASTUZUMAB = EXAMPLES.filter(pl.col("antibody_name").str.contains("trastuzumab")).row(
    0, named=True
)
HEAVY, LIGHT, HER2 = (TRASTUZUMAB[name] for name in ("heavy", "light", "antigen"))
LYSOZYME = EXAMPLES.filter(pl.col("antigen_name") == "hen egg lysozyme")["antigen"][0]
LOOP = "WGGDGFYAMDY"


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return abag.load()


@pytest.fixture(scope="module")
def parent(shipped: Predictor) -> Prediction:
    return shipped.predict_pair(HEAVY, LIGHT, HER2)


def mutant(new: str) -> str:
    assert HEAVY.count(LOOP) == 1
    return HEAVY.replace(LOOP, new)


def test_trastuzumab_on_her2_was_measured(parent: Prediction) -> None:
    assert parent.domain == "variant of a measured pair"
    assert parent.changes is not None
    assert parent.changes <= 2
    assert 8.3 <= (parent.pkd or 0.0) <= 10.0
    assert "HER2" in (parent.known_antigens or "")


def test_a_loop_turned_to_alanine_loses_most_of_the_affinity(
    shipped: Predictor, parent: Prediction
) -> None:
    bare = shipped.predict_pair(mutant("A" * len(LOOP)), LIGHT, HER2)
    assert bare.domain == "variant of a measured pair"
    assert (bare.cdr_changes or 0) >= 9
    assert (bare.pkd or 9.9) <= (parent.pkd or 0.0) - 2.0
    assert (bare.pkd_lower or 9.9) < 6.0
    assert (bare.binding_score or 1.0) < (parent.binding_score or 0.0)
    assert "it may be lost" in bare.in_words()


def test_another_strain_of_the_antigen_is_not_called_measured(
    shipped: Predictor, parent: Prediction
) -> None:
    """One residue in fourteen changed, as between the first SARS-CoV-2 and Omicron."""
    places = range(21, len(HER2) - 20, 14)
    changed = "".join("A" if i in places else residue for i, residue in enumerate(HER2))
    strain = shipped.predict_pair(HEAVY, LIGHT, changed)
    assert strain.domain == "variant of a measured pair"
    assert strain.antigen_changes == sum(HER2[i] != "A" for i in places)
    assert strain.binding == "measured on an antigen nearly like it"
    assert "IF IT BINDS" in strain.in_words()
    assert f"differs from it in {strain.antigen_changes} residues" in strain.in_words()
    assert (strain.binding_score or 1.0) < (parent.binding_score or 0.0)


def test_a_tag_and_missing_ends_leave_the_antigen_what_it_is(shipped: Predictor) -> None:
    tagged = shipped.predict_pair(HEAVY, LIGHT, HER2[25:-10] + "GGSHHHHHH")
    assert tagged.antigen_changes == 0
    assert tagged.binding == "measured"
    assert "IF IT BINDS" not in tagged.in_words()


def test_the_hot_spot_tryptophan_is_missed(shipped: Predictor, parent: Prediction) -> None:
    """W99 of the heavy chain (95 of Kabat) is the centre of the contact."""
    lost = shipped.predict_pair(mutant("A" + LOOP[1:]), LIGHT, HER2)
    assert (lost.delta_pkd or 0.0) <= -1.0
    assert (lost.pkd or 9.9) < (parent.pkd or 0.0)
    assert (lost.changes, lost.cdr_changes) == ((parent.changes or 0) + 1, 1)


def test_nothing_says_that_trastuzumab_binds_lysozyme(shipped: Predictor) -> None:
    foreign = shipped.predict_pair(HEAVY, LIGHT, LYSOZYME)
    assert foreign.domain == "known antibody, other antigen"
    assert foreign.binding == "none"
    assert "HER2" in (foreign.known_antigens or "")
    text = foreign.in_words()
    assert "IF IT BINDS" in text.splitlines()[0]
    assert "nothing says that it binds: it is known to bind" in text
    assert json.loads(json.dumps(foreign.as_json()))["binding"] == "none"


def test_an_antibody_from_a_repertoire_is_not_said_to_bind_her2(shipped: Predictor) -> None:
    for heavy, light in made_up_antibodies(4, seed=11):
        one = shipped.predict_pair(heavy, light, HER2)
        if one.domain != "variant of a measured pair":
            assert one.domain in ("known antigen, new antibody", "known antibody, other antigen")
            assert one.binding != "measured"
            assert (one.binding_score or 0.0) < 0.55
