"""What was measured near a pair, and what evidence there is that it binds at all.

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

from abag.data.similarity.antigens import antigen_changes
from abag.model.pairs.measured import NONE, MeasuredPairs
from abag.model.protocol import Answer
from abag.uncertainty.domain import DomainIndex, Familiarity, Verdict

Reals = NDArray[np.float64]

EVIDENCE_COLUMNS: Final = (
    "level_pkd",
    "delta_pkd",
    "changes",
    "cdr_changes",
    "relative_pkd",
    "relative_antigen",
    "antigen_changes",
    "known_antigens",
    "binding",
    "binding_score",
)
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
_MOST_NAMED: Final = 4


class Binding(StrEnum):
    """What evidence there is that a pair binds."""

    MEASURED = "measured"
    RELATIVE = "a relative was measured"
    CLOSE = "measured on an antigen nearly like it"
    ALIKE = "antibodies like it bind this antigen"
    NOTHING = "none"


def evidence_columns(
    domain: DomainIndex | None,
    known: Familiarity | None,
    answer: Answer,
    antigens: Sequence[Sequence[str]],
    *,
    from_parent: bool = False,
) -> dict[str, list[Any]]:
    """Columns :data:`EVIDENCE_COLUMNS`; empty for a model that keeps no measured pairs.

    ``antigens`` are the chains of each row's antigen. With ``from_parent`` the changes are those
    from a parent that the user gave.
    """
    if domain is None or known is None:
        return {}
    measured = domain.measured
    near, verdicts = known.near, known.verdicts
    has = near.relative != NONE
    # Changes from a given parent are known even where that was not measured.
    laid = has | from_parent
    pkd = measured.pairs.pkd
    apart = [
        antigen_changes(tuple(asked), measured.antigens[measured.pairs.antigen[i]])
        if i != NONE
        else None
        for i, asked in zip(near.relative.tolist(), antigens, strict=True)
    ]
    like = _like(answer)
    kinds = [
        _kind(v, int(c), a, z)
        for v, c, a, z in zip(verdicts, near.changes, apart, like, strict=True)
    ]
    return {
        "level_pkd": _numbers(answer.level, len(has)),
        "delta_pkd": _numbers(answer.effect, len(has)),
        "changes": [int(n) if own else None for n, own in zip(near.changes, laid, strict=True)],
        "cdr_changes": [
            int(n) if own else None for n, own in zip(near.cdr_changes, laid, strict=True)
        ],
        "relative_pkd": [float(pkd[i]) if i != NONE else None for i in near.relative],
        "relative_antigen": [
            antigen_label(measured, int(measured.pairs.antigen[i])) if i != NONE else None
            for i in near.relative
        ],
        "antigen_changes": apart,
        "known_antigens": [
            _known(measured, int(kin))
            if verdict is not Verdict.NEITHER and verdict is not Verdict.NEW_ANTIBODY
            else None
            for kin, verdict in zip(near.kin, verdicts, strict=True)
        ],
        "binding": [kind.value for kind in kinds],
        "binding_score": [
            _score(verdict, value, differs, z, float(identity))
            for verdict, value, differs, z, identity in zip(
                verdicts, answer.value, apart, like, near.antigen, strict=True
            )
        ],
    }


def antigen_label(measured: MeasuredPairs, antigen: int) -> str:
    """What a measured antigen is called: its name, or length and first residues."""
    if name := measured.names[antigen]:
        return name
    chains = measured.antigens[antigen]
    longest = max(chains, key=len) if chains else ""
    return f"an antigen of {len(longest)} residues ({longest[:8]}...)"


def _known(measured: MeasuredPairs, antibody: int) -> str | None:
    labels = list(dict.fromkeys(antigen_label(measured, i) for i in measured.antigens_of(antibody)))
    more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
    return "; ".join(labels[:_MOST_NAMED]) + more if labels else None


def _kind(verdict: Verdict, changes: int, apart: int | None, likeness: float | None) -> Binding:
    if verdict is Verdict.VARIANT:
        if apart:
            return Binding.CLOSE
        return Binding.RELATIVE if changes else Binding.MEASURED
    if verdict is Verdict.NEW_ANTIBODY and likeness is not None and likeness >= _LIKE:
        return Binding.ALIKE
    return Binding.NOTHING


def _score(
    verdict: Verdict, pkd: float, apart: int | None, likeness: float | None, antigen: float
) -> float | None:
    """From 0, no evidence for binding, to 1; None where nothing can be said."""
    if verdict is Verdict.VARIANT:
        kept = math.exp2(-(apart or 0) / _HALF_LOST)
        return 0.5 + 0.5 * kept * _logistic((pkd - _WEAK_PKD) / _PKD_WIDTH)
    if verdict is Verdict.NEW_ANTIBODY:
        return None if likeness is None else 0.5 * _logistic(likeness)
    # The nearer the antigen to one that was measured, the less it is a foreign one.
    return 0.1 * antigen if verdict is Verdict.NEW_ANTIGEN else None


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(min(value, 50.0), -50.0)))


def _like(answer: Answer) -> list[float | None]:
    if answer.evidence is None:
        return [None] * len(answer.value)
    return [None if math.isnan(z) else float(z) for z in answer.evidence]


def _numbers(values: Reals | None, count: int) -> list[float | None]:
    return [None] * count if values is None else values.tolist()
