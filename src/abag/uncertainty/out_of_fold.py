"""Predictions of training rows by models that were not fitted on them, in four schemes.

``complex`` keeps the rows of one structure together: its test rows meet antigens and antibody
families that the model knows, and give the errors for those. ``antigen-cluster`` keeps similar
antigens together: its test rows give the errors for antigens that are new. ``variants`` holds out
the variants of whole families and leaves their parents, ``families`` holds out the parents, too:
the errors of designed variants with and without a measured parent. Which verdict a row stands for
is judged against the rows that its own model was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.similarity import antigen_clusters
from abag.data.splits import Split, make_split
from abag.data.tables import Measurements, Pairs, antigen_key
from abag.errors import SplitError
from abag.model.cross_validation import Fold, cross_validate
from abag.model.pairs.families import Families
from abag.model.pairs.measured import MeasuredPairs, identities_of_folds
from abag.model.protocol import AffinityModel, sound_answer
from abag.uncertainty.domain import DomainIndex, Verdict

Reals = NDArray[np.float64]
ModelFactory: TypeAlias = Callable[[], AffinityModel]

SCHEMES: Final[dict[str, tuple[Verdict, ...]]] = {
    "complex": (Verdict.VARIANT, Verdict.NEW_ANTIBODY),
    "antigen-cluster": (Verdict.NEW_ANTIGEN, Verdict.NEITHER),
    "variants": (Verdict.VARIANT,),
    "families": (Verdict.NEW_ANTIBODY, Verdict.NEITHER),
}
"""Scheme of the folds -> the verdicts whose error is taken from it."""

FAMILY_FOLDS: Final = 5

MAX_TESTED: Final = 4_000
"""Test rows of a scheme; of more, a seeded sample is drawn."""

COLUMNS: Final[dict[str, Any]] = {
    "record_id": pl.String(),
    "scheme": pl.String(),
    "fold": pl.String(),
    "cluster": pl.String(),
    "kind": pl.String(),
    "unit": pl.String(),
    "verdict": pl.String(),
    "antibody_identity": pl.Float64(),
    "antigen_identity": pl.Float64(),
    "prediction": pl.Float64(),
    "scale": pl.Float64(),
    "train_mean": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
}
"""Columns of the out-of-fold rows. ``cluster`` is the antigen cluster, ``kind`` natural or
designed, ``unit`` what has one share of the mass: a natural row or a designed family, ``scale``
the model's own standard deviation (1 where it gives none), ``lower`` and ``upper`` bound the
measured pKd."""


def labelled_rows(table: Measurements | pl.DataFrame) -> Measurements:
    """Rows whose pKd is exact or bounded, with an antigen."""
    rows = Measurements.of(table).require("pkd", "pkd_lower", "pkd_upper")
    known = pl.any_horizontal(pl.col("pkd", "pkd_lower", "pkd_upper").is_not_null())
    return rows.filter(known & (pl.col("antigen").list.len() > 0))


def out_of_fold(
    build: ModelFactory, table: Measurements | pl.DataFrame, *, folds: int = 10, seed: int = 0
) -> pl.DataFrame:
    """Predict the rows of ``table`` under all schemes; columns are :data:`COLUMNS`.

    A scheme for which the table has fewer than two groups is left out. Of each scheme only the
    rows of its verdicts are kept.

    Args:
        build: makes an unfitted model of pKd.
        table: canonical rows; the model is fitted on those of the other folds.
        folds: folds of the first two schemes, fewer where there are fewer groups.
        seed: of splits and samples.
    """
    rows = labelled_rows(table)
    if rows.is_empty():
        return pl.DataFrame(schema=COLUMNS)
    labels = antigen_clusters(rows["antigen"].to_list())
    rows = rows.with_columns(cluster=antigen_key().replace_strict(labels, return_dtype=pl.String))
    with identities_of_folds([tuple(chains) for chains in rows["antigen"].to_list()]):
        all_rows = _every_fold(build, with_kind(rows), folds, seed, labels)
    of_scheme = [
        (pl.col("scheme") == name) & pl.col("verdict").is_in([v.value for v in verdicts])
        for name, verdicts in SCHEMES.items()
    ]
    return all_rows.filter(pl.any_horizontal(of_scheme))


def _every_fold(
    build: ModelFactory, rows: Measurements, folds: int, seed: int, labels: Mapping[str, str]
) -> pl.DataFrame:
    plan = [
        fold
        for fold in (*_natural_folds(rows, folds, seed, labels), *_family_folds(rows))
        if fold.test.height and fold.train["pkd"].count()
    ]
    held_out = cross_validate(
        plan, {"": lambda train: partial(predict_fold, build().fit(train))}, "calibration"
    )
    parts = [pl.DataFrame(schema=COLUMNS), *(predicted[""] for _, predicted in held_out)]
    return pl.concat([part.select(*COLUMNS) for part in parts])


def with_kind(rows: Measurements) -> Measurements:
    """Family of each row, ``is_parent`` in it, its ``kind``: natural or designed, and ``unit``."""
    measured = MeasuredPairs.of(rows)
    families = Families.of(measured)
    pair = measured.numbers_of(rows)
    family = families.family[pair]
    designed = families.designed[pair]
    names = [f"family {number}" for number in family.tolist()]
    return rows.with_columns(
        pl.Series("kind", np.where(designed, "designed", "natural").tolist(), pl.String),
        pl.Series("family", names, pl.String),
        pl.Series("is_parent", ~families.variants[pair]),
        unit=pl.when(pl.Series(designed)).then(pl.Series(names)).otherwise("record_id"),
    )


def _natural_folds(
    rows: Measurements, folds: int, seed: int, labels: Mapping[str, str]
) -> Iterator[Fold[Measurements]]:
    chosen = _sample(rows, seed)
    for name in ("complex", "antigen-cluster"):
        split = _split(rows, name, folds, seed, labels)
        if split is None:
            continue
        # Variants of one family stand in many complexes of a table: they have their own schemes.
        wanted = pl.col("record_id").is_in(chosen)
        if name == "complex":
            wanted &= pl.col("kind") == "natural"
        for fold, train, test in split.fold_tables(rows):
            yield Fold(fold, train, test.filter(wanted), name)


def _family_folds(rows: Measurements) -> Iterator[Fold[Measurements]]:
    designed = rows.filter(pl.col("kind") == "designed")
    names = designed["family"].unique(maintain_order=True).to_list()
    for number in range(min(FAMILY_FOLDS, len(names))):
        inside = pl.col("family").is_in(names[number::FAMILY_FOLDS])
        variants = inside & ~pl.col("is_parent")
        fold = f"fold-{number + 1}"
        yield Fold(fold, rows.filter(~variants), rows.filter(variants), "variants")
        yield Fold(fold, rows.filter(~inside), rows.filter(inside), "families")


def _split(
    rows: Measurements, strategy: str, folds: int, seed: int, labels: Mapping[str, str]
) -> Split | None:
    """Folds of a scheme, as many as there are groups, or None where there is one group."""
    for count in range(min(folds, rows.height), 1, -1):
        try:
            return make_split(rows, strategy, folds=count, seed=seed, antigen_labels=labels)
        except SplitError:
            continue
    return None


def _sample(rows: Measurements, seed: int) -> list[str]:
    ids = rows["record_id"].sort()
    if rows.height > MAX_TESTED:
        chosen = np.random.default_rng(seed).choice(rows.height, MAX_TESTED, replace=False)
        ids = ids[np.sort(chosen)]
    return ids.to_list()


def predict_fold(model: AffinityModel, fold: Fold[Measurements]) -> pl.DataFrame:
    """Predictions of test rows by a model fitted on the training rows: :data:`COLUMNS`."""
    test, exact = fold.test, fold.train.filter(pl.col("pkd").is_not_null())
    familiarity = domain_of(model, exact).familiarity(test)
    answer = sound_answer(model, test)
    return test.select(
        "record_id",
        "cluster",
        "kind",
        "unit",
        lower=pl.coalesce("pkd", "pkd_lower", pl.lit(-np.inf)),
        upper=pl.coalesce("pkd", "pkd_upper", pl.lit(np.inf)),
    ).with_columns(
        pl.Series("verdict", [v.value for v in familiarity.verdicts], pl.String),
        pl.Series("antibody_identity", familiarity.antibody),
        pl.Series("antigen_identity", familiarity.antigen),
        pl.Series("prediction", answer.value),
        pl.Series("scale", answer.spread),
        train_mean=pl.lit(exact["pkd"].mean(), dtype=pl.Float64),
        scheme=pl.lit(fold.scheme),
        fold=pl.lit(fold.name),
    )


def domain_of(model: AffinityModel, table: Pairs) -> DomainIndex:
    """The measured pairs behind a model: its own where it keeps them, else those of ``table``."""
    measured = model.measured
    return DomainIndex(MeasuredPairs.of(table) if measured is None else measured)
