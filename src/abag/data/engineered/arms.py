"""The arms of constructs with several variable domains, and the choice of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.alphabet import ChainKind, tidy_chain
from abag.antibody.numbering import NumberedDomain, number_chains
from abag.errors import OptionError, Problem, TableError

_LONGEST_LINKER: Final = 40
"""Linkers of scFvs have 10 to 30 residues; a constant domain has about 100."""

_ROLES: Final = ("heavy", "light", "scfv")
Arm = tuple[str, str | None]
"""Heavy and light variable domain."""


def choose_arm(frame: pl.DataFrame, arm: int, path: Path | str) -> pl.DataFrame:
    """Pairs with the chains of one arm of each construct; ordinary antibodies stay as they are.

    An arm is an scFv (heavy and light domain side by side in one chain), a VHH, or a heavy domain
    with the light domain of the same rank in the light chain (a single one serves every arm). Arms
    count from 1 along the heavy chain.

    Raises:
        OptionError: ``arm`` is not 1 or more.
        TableError: rows with fewer arms.
    """
    if arm < 1:
        raise OptionError(f"--arm {arm}: arms are counted from 1")
    texts = {tidy_chain(text) for name in _ROLES for text in frame[name] if text}
    domains = number_chains(sorted(texts))
    rows, problems = [], []
    for row in frame.iter_rows(named=True):
        by_role = {role: domains[tidy_chain(row[role])] if row[role] else () for role in _ROLES}
        arms = arms_of((*by_role["scfv"], *by_role["heavy"]), by_role["light"])
        chosen: dict[str, object] = {}
        if len(arms) > 1 and arm > len(arms):
            reason = f"--arm {arm} is asked for, and there are {len(arms)}"
            problems.append(Problem(row["source_row"], None, reason))
        elif len(arms) > 1:
            heavy, light = arms[arm - 1]
            flags = [*(row["flags"] or []), f"arm_{arm}_chosen"]
            chosen = {"heavy": heavy, "light": light, "scfv": None, "flags": flags}
        rows.append({**row, **chosen})
    if problems:
        raise TableError(path, problems)
    return pl.DataFrame(rows, schema=frame.schema)


def arms_of(heavy: Sequence[NumberedDomain], light: Sequence[NumberedDomain]) -> list[Arm]:
    """The arms of a heavy (or single) chain's and a light chain's domains."""
    chain = sorted((*heavy, *(d for d in light if not d.kind.is_light)), key=lambda d: d.start)
    partner: dict[int, NumberedDomain] = {}
    in_scfv: set[int] = set()
    for i, (first, second) in enumerate(pairwise(chain)):
        adjacent = second.start - first.end <= _LONGEST_LINKER and i not in in_scfv
        if adjacent and first.kind.is_light != second.kind.is_light:
            partner[i + first.kind.is_light] = first if first.kind.is_light else second
            in_scfv |= {i, i + 1}
    free = [domain for domain in light if domain.kind.is_light]
    paired = [i for i, d in enumerate(chain) if i not in partner and d.kind is ChainKind.HEAVY]
    shared = free * len(paired) if len(free) == 1 else free
    partner |= dict(zip(paired, shared, strict=False))
    return [
        (domain.sequence, partner[i].sequence if i in partner else None)
        for i, domain in enumerate(chain)
        if not domain.kind.is_light
    ]
