"""Made-up landscapes, where the truth is known: additive, epistatic, with a floor, few effects.

Each is drawn by its number: variants of one parent with 1 to 6 changes out of a random set of
positions and letters. Nothing of chemistry or of repertoires is in their effects, so that what a
model knows beforehand is no help: it must not harm either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.tables import SCHEMA
from abag.maturation.adapt.ranking import spearman
from abag.maturation.adapt.skill import count_folds, position_folds
from abag.model.assay_gp.model import AssayGP
from abag.model.baselines.one_hot_ridge import OneHotRidge
from abag.model.cross_validation import Fold, cross_validate

Reals = NDArray[np.float64]

KINDS: Final = ("additive", "epistatic", "floor", "few large effects")
ROWS: Final = (24, 48, 96, 192, 384)
NOISES: Final = (0.1, 0.5)
"""Standard deviations of the noise, in pKd."""
TEST_ROWS: Final = 200
_LEVEL: Final = 8.0
_MOST_FOLDS: Final = 2
# Trastuzumab, the public variable domains (INN; PDB 1n8z).
HEAVY: Final = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT: Final = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)


@dataclass(frozen=True, slots=True)
class MadeLandscape:
    """Canonical rows with ``pkd``: the first ``rows`` are for training, the others for testing."""

    number: int
    kind: str
    rows: int
    noise: float
    table: pl.DataFrame

    @classmethod
    def of(cls, number: int) -> MadeLandscape:
        """The landscape of a number; kinds, sizes and noises take turns."""
        rng = np.random.default_rng(number)
        kind = KINDS[number % 4]
        rows, noise = ROWS[number // 4 % 5], NOISES[number // 20 % 2]
        letters = _letters(rng)
        effects = [_effects(rng, kind, len(choices)) for choices in letters.values()]
        variants = _variants(rng, [len(choices) for choices in effects], rows + TEST_ROWS)
        pairs = rng.normal(0.0, 0.6, (len(effects), len(effects)))
        values = np.array([sum(effects[i][j] for i, j in variant) for variant in variants])
        if kind == "epistatic":
            values += [
                sum(pairs[a, b] for a, _ in variant for b, _ in variant if a < b)
                for variant in variants
            ]
        values += _LEVEL + rng.normal(0.0, noise, len(values))
        if kind == "floor":
            values = np.maximum(values, np.quantile(values, 0.4))
        places = list(letters)
        chains = [
            _chains({places[i]: letters[places[i]][j] for i, j in variant}) for variant in variants
        ]
        training = min(rows, int(0.7 * len(values)))
        return cls(number, kind, training, noise, _table(chains, values))

    def folds(self) -> Iterator[Fold[pl.DataFrame]]:
        """Ways of holding rows out: random rows, new positions, more mutations."""
        yield Fold("1", self.table[: self.rows], self.table[self.rows :], "random")
        pool = self.table[: 2 * self.rows]
        for way, divisions in (
            ("new positions", position_folds(pool, 5)[:_MOST_FOLDS]),
            ("more mutations", count_folds(pool)),
        ):
            for number, (train, test) in enumerate(divisions, start=1):
                rows = train[: self.rows].tolist()
                yield Fold(str(number), pool[rows], pool[test.tolist()], way)


@dataclass(frozen=True, slots=True)
class MadeScore:
    """One landscape under one way of holding out, mean over its folds; Spearman 0 if undefined."""

    number: int
    kind: str
    rows: int
    noise: float
    held_out: str
    assay_gp: float
    ridge: float
    coverage: float
    """Share of test values inside the 90 % intervals."""
    lowest: float
    highest: float
    """Ends of the intervals, in pKd."""


def score_landscape(landscape: MadeLandscape) -> list[MadeScore]:
    """`assay-gp` and the one-hot ridge on the same rows."""
    by_way: dict[str, list[tuple[float, ...]]] = {}
    # The training rows of a fold may all be at the floor.
    title = f"landscape {landscape.number}"
    for fold, answers in cross_validate(
        list(landscape.folds()), {"": _learn}, title, skip_untaught=True
    ):
        by_way.setdefault(fold.scheme, []).append(answers[""])
    scores = []
    for way, rows in by_way.items():
        ours, ridge, coverage = np.mean([figures[:3] for figures in rows], axis=0).tolist()
        ends = min(figures[3] for figures in rows), max(figures[4] for figures in rows)
        scores.append(
            MadeScore(
                landscape.number,
                landscape.kind,
                landscape.rows,
                landscape.noise,
                way,
                ours,
                ridge,
                coverage,
                *ends,
            )
        )
    return scores


def summary(scores: list[MadeScore]) -> pl.DataFrame:
    """By kind and way: means, and the 95 % interval of the mean difference from the ridge."""
    table = pl.DataFrame(scores).with_columns(gain=pl.col("assay_gp") - pl.col("ridge"))
    error = 1.96 * pl.col("gain").std() / pl.len().sqrt()
    return (
        table.group_by("held_out", "kind", maintain_order=True)
        .agg(
            pl.len().alias("landscapes"), pl.col("assay_gp", "ridge", "gain").mean(),
            (pl.col("gain").mean() - error).alias("gain_lower"),
            (pl.col("gain").mean() + error).alias("gain_upper"),
            pl.col("coverage").mean(), pl.col("coverage").min().alias("lowest_coverage"),
            pl.col("lowest").min(), pl.col("highest").max(),
        )
        .sort("held_out", "kind")
    )  # fmt: skip


def _learn(train: pl.DataFrame) -> Callable[[Fold[pl.DataFrame]], tuple[float, ...]]:
    model, ridge = AssayGP().fit(train), OneHotRidge().fit(train)

    def scored(fold: Fold[pl.DataFrame]) -> tuple[float, ...]:
        true, predicted = fold.test["pkd"].to_numpy(), model.distribution(fold.test)
        inside = (predicted.lower <= true) & (true <= predicted.upper)
        return (
            spearman(true, predicted.mean_score) or 0.0,
            spearman(true, ridge.predict(fold.test)) or 0.0,
            float(inside.mean()), float(predicted.lower.min()), float(predicted.upper.max()),
        )  # fmt: skip

    return scored


def _letters(rng: np.random.Generator) -> dict[int, list[str]]:
    """Letters that each of 8 to 40 places of both chains may take, one to six."""
    parent = HEAVY + LIGHT
    places = np.sort(rng.choice(len(parent), int(rng.integers(8, 40)), replace=False)).tolist()
    return {
        place: rng.choice(
            [a for a in AMINO_ACIDS if a != parent[place]], int(rng.integers(1, 7)), replace=False
        ).tolist()
        for place in places
    }


def _effects(rng: np.random.Generator, kind: str, count: int) -> Reals:
    """Effects of the letters of one place, pKd: a part in common and one of their own."""
    if kind == "few large effects":
        large = rng.choice([-2.0, 1.0]) if rng.random() < 0.15 else 0.0
        return rng.normal(large, 0.05, count)
    return 0.7 * rng.normal(-0.2, 0.6) + rng.normal(0.0, 0.4, count)


def _variants(
    rng: np.random.Generator, letters: list[int], count: int
) -> list[tuple[tuple[int, int], ...]]:
    """Distinct variants, each pairs of a place's and a letter's number; fewer where few exist."""
    most = int(rng.integers(1, 7))
    variants: dict[tuple[tuple[int, int], ...], None] = {}
    for _ in range(20 * count):
        size = min(int(rng.integers(1, most + 1)), len(letters))
        places = np.sort(rng.choice(len(letters), size, replace=False)).tolist()
        variants[tuple((place, int(rng.integers(letters[place]))) for place in places)] = None
        if len(variants) == count:
            break
    return list(variants)


def _chains(change: dict[int, str]) -> tuple[str, str]:
    letters = list(HEAVY + LIGHT)
    for place, letter in change.items():
        letters[place] = letter
    text = "".join(letters)
    return text[: len(HEAVY)], text[len(HEAVY) :]


def _table(chains: list[tuple[str, str]], values: Reals) -> pl.DataFrame:
    """Canonical columns of variants of one assay on one antigen."""
    rows = {
        "record_id": [f"made-{place}" for place in range(len(chains))],
        "heavy": [heavy for heavy, _ in chains],
        "light": [light for _, light in chains],
        "antigen": [["MKTAYIAKQRQISFVKSHFSRQ"]] * len(chains),
        "assay": ["made"] * len(chains),
        **dict.fromkeys(("pkd", "pkd_lower", "pkd_upper"), values.tolist()),
    }
    empty = {name: [None] * len(chains) for name in SCHEMA if name not in rows}
    return pl.DataFrame({**rows, **empty}, schema_overrides=SCHEMA).select(list(SCHEMA))
