"""What no training row says is not made up: directions that never varied stay near the prior."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abag.antibody.alphabet import AMINO_ACIDS
from abag.model.assay_gp.model import AssayGP
from abag.model.assay_gp.posterior import Posterior
from synthetic_pairs import HEAVY, LIGHT, canonical

CHARGED = "DEKRH"
CDRS = (*range(26, 35), *range(50, 59), *range(97, 108))


@dataclass(frozen=True)
class Mutated:
    """Chains of variants that change places of the heavy chain."""

    changes: list[dict[int, str]]

    def table(self, pkd: list[float]) -> pl.DataFrame:
        return canonical(
            {
                "heavy": [self.heavy(one) for one in self.changes],
                "light": [LIGHT] * len(self.changes),
                **dict.fromkeys(("pkd", "pkd_lower", "pkd_upper", "rank_score"), pkd),
            }
        )

    @staticmethod
    def heavy(change: dict[int, str]) -> str:
        letters = list(HEAVY)
        for place, letter in change.items():
            letters[place] = letter
        return "".join(letters)


def singles(letters: str, places: tuple[int, ...] = CDRS) -> Mutated:
    return Mutated([{p: a} for p in places for a in letters if a != HEAVY[p]])


def alanine_scan() -> pl.DataFrame:
    """The parent and twelve uncharged residues of its CDRs made alanine; KD 1 to 340 nM."""
    places = [p for p in CDRS if HEAVY[p] not in CHARGED + "AG"][:12]
    return Mutated([{}, *({p: "A"} for p in places)]).table(
        [8.5, *np.linspace(9.0, 6.5, 12).tolist()]
    )


def test_an_alanine_scan_says_nothing_of_charge() -> None:
    model = AssayGP().fit(alanine_scan())
    new = singles("DEKR").table([0.0] * len(singles("DEKR").changes))
    shown = model.distribution(new)
    assert (np.abs(shown.median - 8.5) < 2.5).all()
    assert (shown.lower >= 3.5).all()
    assert (shown.upper <= 12.0).all()


@pytest.mark.parametrize("stray", [False, True])
def test_a_charge_that_one_row_of_97_changes_does_not_explode(stray: bool) -> None:
    """A clean signal of uncharged changes; at most one histidine, which bears a little charge."""
    rng = np.random.default_rng(3)
    places = [p for p in CDRS if HEAVY[p] not in CHARGED]
    worth = {p: rng.normal(0.0, 0.5) for p in places}
    drawn = [rng.choice(places, 3, replace=False).tolist() for _ in range(96)]
    changes = [{p: str(rng.choice(list("ASTVLFYNQ"))) for p in one} for one in drawn]
    changes.append({places[0]: "H"} if stray else {})
    pkd = [8.0 + sum(worth[p] for p in one) for one in changes]
    model = AssayGP().fit(Mutated(changes).table(pkd))
    new = singles("DEKR").table([0.0] * len(singles("DEKR").changes))
    shown = model.distribution(new)
    assert np.abs(shown.median - 8.0).max() < 2.0
    assert (shown.upper - shown.lower).max() < 8.0


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.sampled_from([8, 24, 48]))
def test_the_effect_of_a_direction_that_never_varied_stays_near_the_prior(
    seed: int, rows: int
) -> None:
    """On the scale of scores the prior of one mutation has a deviation of about one."""
    rng = np.random.default_rng(seed)
    kept = "".join(rng.choice(list(AMINO_ACIDS), 6, replace=False))
    places = rng.choice(CDRS, 10, replace=False).tolist()
    changes = [{int(rng.choice(places)): str(rng.choice(list(kept)))} for _ in range(rows)]
    table = Mutated([{}, *changes]).table([8.0, *rng.normal(7.5, 0.8, rows).tolist()])
    model = AssayGP().fit(table.unique("heavy", maintain_order=True))
    rest = "".join(a for a in AMINO_ACIDS if a not in kept)
    new = singles(rest, tuple(range(1, len(HEAVY), 3)))
    shown = model.distribution(new.table([0.0] * len(new.changes)))
    assert np.abs(shown.mean_score).max() < 3.5
    assert shown.deviation.max() < 4.0
    for member in model._mixture.members:
        assert isinstance(member, Posterior)
        for term in member.kernel.terms:
            assert (term.spread > 1e-2).all()


def test_rows_at_a_limit_are_flagged() -> None:
    model = AssayGP().fit(alanine_scan())
    new = singles("W").table([0.0] * len(singles("W").changes))
    shown, flags = model.distribution(new), model.row_flags(new)
    at_end = (shown.lower <= model._warp.lowest) | (shown.upper >= model._warp.highest)
    assert flags["interval_at_limit_of_model"].tolist() == at_end.tolist()
