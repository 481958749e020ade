"""How far to trust a prediction: its interval, its verdict, and the evidence that the pair binds.

A pKd says how tightly a pair binds *if it binds*. Whether it does is another question, answered by
verdict (docs/predict.md gives what each answer is worth):

* a variant: its relative binds; the score falls with the predicted pKd, and with each residue in
  which the antigen differs from the measured one (a strain, an orthologue);
* a known antigen: how like its binders the antibody is;
* an antibody known on another antigen, or neither side known: nothing says that it binds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.model.pairs.measured import NONE
from abag.model.protocol import Answer
from abag.uncertainty.calibration import DEFAULT_LEVEL, Calibration
from abag.uncertainty.domain import MEASURED_COLUMNS, DomainIndex, Familiarity, Verdict

Reals = NDArray[np.float64]

TRUST_COLUMNS: Final = (
    "pkd_lower", "pkd_upper", "domain", "antibody_identity", "antigen_identity", "group_rmse",
    "group_within_one", "group_rows", "level_pkd", "delta_pkd", "changes", "cdr_changes",
    *MEASURED_COLUMNS, "binding", "binding_score",
)  # fmt: skip
_WEAK_PKD: Final = 5.5
_PKD_WIDTH: Final = 0.7
"""Predicted pKd at which a variant of a binder is as likely as not to be called a binder, and how
fast that changes: KD of some micromolar is where most assays end."""
_HALF_LOST: Final = 15.0
"""Residues of the antigen that differ, at which half of the antibodies have lost it: of 449 that
neutralise the first SARS-CoV-2 strain 27 to 44 % neutralise strains with 15 to 19 changes in the
domain that they bind (Cao et al., Nature 614:521, 2023)."""
_LIKE: Final = 1.0
"""From so many deviations above the antibodies of other antigens an antibody is called like the
binders of its antigen."""


class Binding(StrEnum):
    """What evidence there is that a pair binds."""

    MEASURED = "measured"
    RELATIVE = "a relative was measured"
    CLOSE = "measured on an antigen nearly like it"
    ALIKE = "antibodies like it bind this antigen"
    NOTHING = "none"


def trust_columns(
    domain: DomainIndex | None,
    familiarity: Familiarity | None,
    answer: Answer,
    antigens: Sequence[Sequence[str]],
    *,
    calibration: Calibration | None = None,
    level: float = DEFAULT_LEVEL,
    from_parent: bool = False,
) -> dict[str, list[Any]]:
    """Columns :data:`TRUST_COLUMNS` of answered pairs; None where nothing is known.

    Without a calibration there is neither interval nor verdict, without measured pairs no
    evidence. The ends of an interval are None, too, where too few rows were held out to give one.
    ``antigens`` are the chains of each row's antigen. With ``from_parent`` the changes are those
    from a parent that the user gave.
    """
    columns: dict[str, list[Any]] = dict.fromkeys(TRUST_COLUMNS, [None] * len(answer.value))
    if familiarity is None:
        return columns
    verdicts = familiarity.verdicts
    if calibration is not None:
        columns |= _calibrated(calibration, familiarity, verdicts, level, answer)
    if domain is not None:
        measured = domain.measured_near(familiarity, verdicts, antigens)
        columns |= measured | _evidence(
            familiarity, verdicts, measured["antigen_changes"], answer, from_parent
        )
    return columns


def _calibrated(
    calibration: Calibration,
    familiarity: Familiarity,
    verdicts: Sequence[Verdict],
    level: float,
    answer: Answer,
) -> dict[str, list[Any]]:
    reaches = calibration.reaches(familiarity, answer.spread, level)
    figures = [calibration.figures.get(verdict) for verdict in verdicts]
    return {
        "pkd_lower": _finite(answer.value - reaches.below),
        "pkd_upper": _finite(answer.value + reaches.above),
        "domain": [verdict.value for verdict in verdicts],
        "antibody_identity": familiarity.antibody.tolist(),
        "antigen_identity": familiarity.antigen.tolist(),
        "group_rmse": [figure and figure.rmse for figure in figures],
        "group_within_one": [figure and figure.within_one for figure in figures],
        "group_rows": [figure and figure.rows for figure in figures],
    }


def _finite(values: Reals) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _evidence(
    familiarity: Familiarity,
    verdicts: Sequence[Verdict],
    antigen_changes: Sequence[int | None],
    answer: Answer,
    from_parent: bool,
) -> dict[str, list[Any]]:
    relatives, likeness = familiarity.near, _likeness(answer)
    changes = relatives.changes.tolist()
    evidence = zip(verdicts, changes, antigen_changes, likeness, strict=True)
    identities = relatives.antigen.tolist()
    scored = zip(verdicts, answer.value, antigen_changes, likeness, identities, strict=True)
    # Changes from a given parent are known even where that was not measured.
    has_relative = ((relatives.relative != NONE) | from_parent).tolist()
    return {
        "level_pkd": _floats(answer.level, len(has_relative)),
        "delta_pkd": _floats(answer.effect, len(has_relative)),
        "changes": _known_counts(has_relative, changes),
        "cdr_changes": _known_counts(has_relative, relatives.cdr_changes.tolist()),
        "binding": [_binding(*row).value for row in evidence],
        "binding_score": [_binding_score(*row) for row in scored],
    }


def _known_counts(known: Sequence[bool], counts: Sequence[int]) -> list[int | None]:
    return [count if is_known else None for count, is_known in zip(counts, known, strict=True)]


def _binding(
    verdict: Verdict, changes: int, antigen_changes: int | None, likeness: float | None
) -> Binding:
    if verdict is Verdict.VARIANT:
        if antigen_changes:
            return Binding.CLOSE
        return Binding.RELATIVE if changes else Binding.MEASURED
    if verdict is Verdict.NEW_ANTIBODY and likeness is not None and likeness >= _LIKE:
        return Binding.ALIKE
    return Binding.NOTHING


def _binding_score(
    verdict: Verdict, pkd: float, antigen_changes: int | None, likeness: float | None,
    antigen_identity: float,
) -> float | None:  # fmt: skip
    """From 0, no evidence for binding, to 1; None where nothing can be said."""
    if verdict is Verdict.VARIANT:
        retained = math.exp2(-(antigen_changes or 0) / _HALF_LOST)
        return 0.5 + 0.5 * retained * _logistic((pkd - _WEAK_PKD) / _PKD_WIDTH)
    if verdict is Verdict.NEW_ANTIBODY:
        return None if likeness is None else 0.5 * _logistic(likeness)
    # The nearer the antigen to one that was measured, the less it is a foreign one.
    return 0.1 * antigen_identity if verdict is Verdict.NEW_ANTIGEN else None


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(min(value, 50.0), -50.0)))


def _likeness(answer: Answer) -> list[float | None]:
    if answer.evidence is None:
        return [None] * len(answer.value)
    return [None if math.isnan(z) else float(z) for z in answer.evidence]


def _floats(values: Reals | None, count: int) -> list[float | None]:
    return [None] * count if values is None else values.tolist()
