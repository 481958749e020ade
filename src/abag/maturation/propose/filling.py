"""A plate is filled: wells for single mutants first, then the rest, under the plate's rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abag.antibody.antibody import Chains
from abag.errors import counted
from abag.maturation.propose.acquisition import Batch, Belief
from abag.maturation.propose.design_space import Genotype, size_of
from abag.maturation.propose.quota import Quota
from abag.maturation.propose.request import Request


def placed(
    batch: Batch,
    short: Sequence[Genotype],
    plate: Sequence[Chains | None],
    own: Sequence[Genotype],
) -> list[tuple[Genotype, float | None]]:
    """The plate's variants with their acquisition values; None for those that it keeps."""
    new = [(short[row], value) for row, value in zip(batch.rows.tolist(), batch.values.tolist(),
           strict=True)]  # fmt: skip
    if not plate:
        return [(one, value) for one, value in new]
    fresh, kept = iter(new), iter(own)
    found: list[tuple[Genotype, float | None]] = []
    for one in plate:
        pick = next(fresh, None) if one is None else (next(kept), None)
        found += [] if pick is None else [pick]
    return found


def fill(
    belief: Belief,
    short: Sequence[Genotype],
    request: Request,
    quota: Quota,
    kept: int,
    notes: list[str],
) -> Batch:
    """The batch: first the wells for single mutants, then the rest, under the plate's rules.

    ``kept`` variants stand on the plate already.
    """
    wanted = request.count - kept
    singles = np.array([i for i, one in enumerate(short) if size_of(one) == 1], dtype=np.int64)
    first = min(request.singles if not kept else 0, len(singles))
    rows: list[int] = []
    values: list[float] = []
    if first:
        alone = Belief(
            belief.mean[singles], belief.covariance[np.ix_(singles, singles)], belief.noise,
            belief.best,
        )  # fmt: skip
        picked = request.policy.choose(alone, first, request.seed)
        rows, values = singles[picked.rows].tolist(), picked.values.tolist()
        for row in rows:
            quota.take(row)
    if not kept and request.singles > first:
        notes.append(f"only {counted(first, 'single mutant')} may be proposed under these rules")
    left = np.setdiff1d(np.arange(len(short)), rows)
    others = belief.given(np.array(rows, dtype=np.int64))
    batch = request.policy.choose(others, wanted - len(rows), request.seed, quota.among(left))
    rows += left[batch.rows].tolist()
    if quota.raised:
        notes.append(
            f"a mutation may be in {quota.most} variants, {quota.raised} more than --most-repeats "
            "says: too few others were left"
        )
    if len(rows) < wanted:
        notes.append(f"only {counted(len(rows), 'variant')} may be proposed under these rules")
    return Batch(np.array(rows, dtype=np.int64), np.array([*values, *batch.values]))
