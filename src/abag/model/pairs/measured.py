"""The measured antibodies and antigens, the pairs of them, and how near a new pair comes to one.

A measured pair is a *relative* of a pair when its antigen is the same or nearly so (identity of
0.8 or more) and the antibodies are one antibody and its variant: CDR identity of 0.8 or more, or
hardly a change outside of the CDRs of one chain. Of several relatives that with the fewest changes
counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import GAP
from abag.data.similarity.antibodies import CDR_THRESHOLD, CdrSet, CdrTable, Loops, cdr_sets
from abag.data.similarity.antigens import antigen_identities
from abag.data.tables import Pairs, antibody_key, antigen_key
from abag.files.reading import packed_lines, unpacked_lines
from abag.model.pairs.layout import Antibody, Changes, ImgtLayout, LaidAntibodies
from abag.model.pairs.relatives import FRAMEWORK_CHANGES, Nearest

Reals = NDArray[np.float64]
Places = NDArray[np.int64]

SAME_ANTIGEN: Final = 0.8
"""From this identity an antigen counts as the one that was measured. Under it, many antibodies
distinguish an orthologue from their own antigen."""
LOOP_SHARE: Final = 0.5
"""Of the residues of all CDRs: more that is new is another antibody on the same frameworks."""
OTHER_CHAIN_CHANGES: Final = 1
"""Designs redraw the CDRs of one chain; antibodies of one germline pair differ in both CDR3s."""
MOST_CHANGES: Final = 45
"""Of more changes nothing says that they make a variant."""
NONE: Final = -1

_ROUNDING: Final = 1e-6
"""Identities are single precision; equal fractions must not fall under a threshold."""
_CACHED: Final = 20_000
_CELLS: Final = 40_000_000


class _MeasuredTable(NamedTuple):
    antibody: Places
    antigen: Places
    pkd: Reals


class MeasuredPairs:
    """Distinct antibodies and antigens of the training rows, and the pairs that were measured."""

    def __init__(
        self,
        antibodies: Sequence[Antibody],
        cdrs: Sequence[CdrSet],
        antigens: Sequence[tuple[str, ...]],
        names: Sequence[str],
        pairs: _MeasuredTable,
        layout: tuple[ImgtLayout, LaidAntibodies] | None = None,
    ) -> None:
        self.antibodies = tuple(antibodies)
        self.cdrs = tuple(cdrs)
        self.antigens = tuple(antigens)
        self.names = tuple(names)
        """Name of each antigen; empty where the rows give none."""
        self.pairs = pairs
        if layout is None:
            columns = ImgtLayout.of(self.antibodies)
            layout = columns, columns.lay(self.antibodies)
        self.layout, self.laid = layout
        self._table = CdrTable(self.cdrs)
        self._antigens: dict[str, Reals] = {}
        self._antigens_of: dict[int, list[int]] = {}
        self._last: tuple[Pairs, Nearest] | None = None

    @classmethod
    def of(cls, table: Pairs, target: str = "pkd") -> Self:
        """Index the rows of a canonical table whose target is exact; equal pairs are one."""
        names = [pl.col("antigen_name")] if "antigen_name" in table.columns else []
        if "structure_id" in table.columns:
            code = pl.col("structure_id").str.to_uppercase()
            names.append(pl.format("the antigen of PDB {}", code))
        rows = table.select(
            "heavy",
            pl.col("light").fill_null(""),
            "antigen",
            value=pl.col(target) if target in table.columns else pl.lit(None, pl.Float64),
            name=pl.coalesce(*names, pl.lit("")),
            key=antigen_key().fill_null(""),
            antibody=antibody_key(),
        )
        pairs = rows.group_by("antibody", "key", maintain_order=True).agg(
            pl.col("heavy", "light", "antigen", "name").first(), pl.col("value").mean()
        )
        sets = cdr_sets(table)
        antibodies = pairs.unique("antibody", maintain_order=True)
        antigens = pairs.group_by("key", maintain_order=True).agg(
            pl.col("antigen").first(), pl.col("name").max()
        )
        antibody_number = {key: i for i, key in enumerate(antibodies["antibody"])}
        antigen_number = {key: i for i, key in enumerate(antigens["key"])}
        return cls(
            list(zip(antibodies["heavy"], antibodies["light"], strict=True)),
            [sets[key] for key in antibodies["antibody"]],
            [tuple(chains or ()) for chains in antigens["antigen"].to_list()],
            antigens["name"].to_list(),
            _MeasuredTable(
                np.array([antibody_number[key] for key in pairs["antibody"]], dtype=np.int64),
                np.array([antigen_number[key] for key in pairs["key"]], dtype=np.int64),
                pairs["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            ),
        )

    def nearest(self, table: Pairs) -> Nearest:
        """Compare each row of ``table`` (heavy, light, antigen) with all that was measured."""
        # Model and calibration look up the same table.
        if self._last is not None and self._last[0] is table:
            return self._last[1]
        rows = table.select("heavy", "light", antibody=antibody_key(), key=_key())
        distinct = rows.unique("antibody", maintain_order=True)
        number = {key: i for i, key in enumerate(distinct["antibody"])}
        row = np.array([number[key] for key in rows["antibody"]], dtype=np.int64)
        identity, kin = self._nearest_antibodies(distinct)
        identities = self._identities(rows["key"])
        best = {
            key: int(values.argmax()) if len(values) else NONE for key, values in identities.items()
        }
        site = np.array([best[key] for key in rows["key"]], dtype=np.int64)
        antigen = [
            identities[key][at] if at != NONE else 0.0
            for key, at in zip(rows["key"], site.tolist(), strict=True)
        ]
        closest = Nearest(
            identity[row],
            np.array(antigen, dtype=np.float64),
            kin[row],
            site,
            *self._relatives(distinct, row, rows["key"], identities),
        )
        self._last = table, closest
        return closest

    @cached_property
    def between_antigens(self) -> Reals:
        """Identity of each measured antigen to each, shape (antigens, antigens)."""
        return _identities_between(self.antigens, self.antigens)

    def links(self) -> tuple[Places, Places, Places]:
        """Measured pairs that are relatives of each other: two numbers, and how many changes."""
        first, second, changes = [], [], []
        identities = self.between_antigens
        for site in range(len(self.antigens)):
            on_antigen = np.flatnonzero(self.pairs.antigen == site)
            on_same_antigen = np.flatnonzero(
                identities[site][self.pairs.antigen] >= SAME_ANTIGEN - _ROUNDING
            )
            variants, measured = (
                self.laid.take(self.pairs.antibody[rows]) for rows in (on_antigen, on_same_antigen)
            )
            are_variants, between = self._are_variants(variants, measured)
            row, column = np.nonzero(are_variants)
            first.append(on_antigen[row])
            second.append(on_same_antigen[column])
            changes.append(between.total[row, column])
        nothing = [np.zeros(0, dtype=np.int64)]
        return tuple(np.concatenate(nothing + numbers) for numbers in (first, second, changes))  # type: ignore[return-value]

    def as_pairs(self) -> Pairs:
        """The measured pairs as a table."""
        return Pairs.of_chains(
            [self.antibodies[i] for i in self.pairs.antibody],
            [list(self.antigens[i]) for i in self.pairs.antigen],
        )

    def numbers_of(self, table: Pairs) -> Places:
        """Number of each row's pair; the rows are those that were indexed."""
        antibody = {f"{heavy}/{light}": i for i, (heavy, light) in enumerate(self.antibodies)}
        antigen = {"/".join(chains): i for i, chains in enumerate(self.antigens)}
        number = {
            pair: i
            for i, pair in enumerate(
                zip(self.pairs.antibody.tolist(), self.pairs.antigen.tolist(), strict=True)
            )
        }
        keys = table.select(antibody_key().alias("antibody"), _key().alias("key")).rows()
        return np.array([number[antibody[a], antigen[k]] for a, k in keys], dtype=np.int64)

    def antigens_of(self, antibody: int) -> list[int]:
        """Numbers of the antigens on which an antibody, or a variant of it, was measured."""
        if antibody == NONE:
            return []
        if antibody in self._antigens_of:
            return self._antigens_of[antibody]
        number = np.array([antibody], dtype=np.intp)
        every = np.arange(len(self.antibodies), dtype=np.intp)
        related = self._table.identities(self._table, number, every)[0] >= CDR_THRESHOLD - _ROUNDING
        antigens = sorted(set(self.pairs.antigen[related[self.pairs.antibody]].tolist()))
        self._antigens_of[antibody] = antigens
        return antigens

    def _nearest_antibodies(self, distinct: pl.DataFrame) -> tuple[Reals, Places]:
        sets = cdr_sets(distinct)
        identity = np.zeros(distinct.height)
        kin = np.full(distinct.height, NONE, dtype=np.int64)
        if not self.antibodies:
            return identity, kin
        cdr_table = CdrTable([sets[key] for key in distinct["antibody"]])
        step = max(1, 2_000_000 // len(self.antibodies))
        for start in range(0, distinct.height, step):
            rows = np.arange(start, min(start + step, distinct.height), dtype=np.intp)
            identity[rows], kin[rows] = cdr_table.nearest(self._table, rows)
        return identity, kin

    def _identities(self, keys: pl.Series) -> dict[str, Reals]:
        """Identity to each measured antigen, by key; remembered, and forgotten before too many."""
        distinct = keys.unique(maintain_order=True).to_list()
        new = [key for key in distinct if key not in self._antigens]
        if new:
            identities = _identities_between([tuple(key.split("/")) for key in new], self.antigens)
            if len(self._antigens) + len(new) > max(_CACHED // max(len(self.antigens), 1), 64):
                still_used = {key: self._antigens[key] for key in distinct if key in self._antigens}
                self._antigens = still_used
            self._antigens |= dict(zip(new, identities, strict=True))
        return {key: self._antigens[key] for key in distinct}

    def _relatives(
        self,
        distinct: pl.DataFrame,
        row: Places,
        keys: pl.Series,
        identity: Mapping[str, Reals],
    ) -> tuple[Places, Reals, Places, Places]:
        count = len(row)
        relative = np.full(count, NONE, dtype=np.int64)
        antigen_identity, changes, in_cdrs = (
            np.zeros(count),
            *np.zeros((2, count), dtype=np.int64),
        )
        names = keys.to_list()
        groups: dict[str, list[int]] = {}
        for i, key in enumerate(names):
            groups.setdefault(key, []).append(i)
        for key, members in groups.items():
            known = np.flatnonzero(identity[key][self.pairs.antigen] >= SAME_ANTIGEN - _ROUNDING)
            if not len(known):
                continue
            step = max(1, _CELLS // (len(known) * max(len(self.layout.labels), 1)))
            for start in range(0, len(members), step):
                part = np.array(members[start : start + step])
                chains = distinct[row[part]].select("heavy", pl.col("light").fill_null(""))
                closest = self._closest_relatives(chains.rows(), known, identity[key])
                relative[part], antigen_identity[part], changes[part], in_cdrs[part] = closest
        return relative, antigen_identity, changes, in_cdrs

    def _closest_relatives(
        self, antibodies: Sequence[Antibody], known: Places, identity: Reals
    ) -> tuple[Places, Reals, Places, Places]:
        """Of the pairs ``known`` the relative with the fewest changes for each antibody."""
        antibodies_of_pairs, column = np.unique(self.pairs.antibody[known], return_inverse=True)
        are_variants, changes = self._are_variants(
            self.layout.lay(antibodies), self.laid.take(antibodies_of_pairs)
        )
        total = changes.total[:, column].astype(np.float64)
        same = identity[self.pairs.antigen[known]]
        # Another strain or a homologue counts as much as a few changes of the antibody.
        cost = np.where(are_variants[:, column], total + 20.0 * (1.0 - same), np.inf)
        best = cost.argmin(axis=1)
        rows = np.arange(len(best))
        is_there = np.isfinite(cost[rows, best])
        at = column[best]
        return (
            np.where(is_there, known[best], NONE),
            np.where(is_there, same[best], 0.0),
            np.where(is_there, changes.total[rows, at], 0),
            np.where(is_there, changes.cdr[rows, at], 0),
        )

    def _are_variants(
        self, rows: LaidAntibodies, others: LaidAntibodies
    ) -> tuple[NDArray[np.bool_], Changes]:
        """Whether antibodies are variants of each other, and the changes between them."""
        changes = self.layout.changes(rows, others)
        lengths = (rows.codes[:, self.layout.in_cdr] != GAP).sum(axis=1) + rows.extra[:, 1:].sum(
            axis=1
        )
        are_variants = changes.cdr <= (1.0 - CDR_THRESHOLD) * lengths[:, None] + _ROUNDING
        of_one_chain = np.minimum(changes.heavy_cdr, changes.light_cdr) <= OTHER_CHAIN_CHANGES
        redesigned = changes.cdr <= LOOP_SHARE * lengths[:, None]
        are_variants |= (changes.framework <= FRAMEWORK_CHANGES) & of_one_chain & redesigned
        are_variants &= (changes.total <= MOST_CHANGES) & rows.numbered[:, None] & others.numbered
        are_variants &= rows.has_light[:, None] == others.has_light
        return are_variants, changes

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Arrays to be saved: chains, CDRs, antigens and names as text, one molecule a line."""
        cdrs = ["|".join((*s.heavy, *(s.light or ("-",)))) for s in self.cdrs]
        return {
            "measured.antibodies": packed_lines(f"{h}|{vl}" for h, vl in self.antibodies),
            "measured.cdrs": packed_lines(cdrs),
            "measured.antigens": packed_lines("/".join(chains) for chains in self.antigens),
            "measured.names": packed_lines(name.replace("\n", " ") for name in self.names),
            "measured.pairs": np.stack([self.pairs.antibody, self.pairs.antigen], axis=1),
            "measured.pkd": self.pairs.pkd,
            **self.layout.arrays(self.laid),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of :meth:`arrays`."""
        chains = [line.split("|") for line in unpacked_lines(arrays["measured.antibodies"])]
        pairs = arrays["measured.pairs"].astype(np.int64).reshape(-1, 2)
        count = int(pairs[:, 1].max(initial=-1)) + 1
        return cls(
            [(parts[0], parts[1]) for parts in chains],
            [_cdr_set(line) for line in unpacked_lines(arrays["measured.cdrs"])],
            [tuple(line.split("/")) for line in unpacked_lines(arrays["measured.antigens"], count)],
            unpacked_lines(arrays["measured.names"], count),
            _MeasuredTable(pairs[:, 0], pairs[:, 1], arrays["measured.pkd"]),
            ImgtLayout.from_arrays(arrays),
        )


Antigen: TypeAlias = tuple[str, ...]
_store: list[tuple[dict[Antigen, int], Reals]] = []


@contextmanager
def identities_of_folds(antigens: Sequence[Antigen]) -> Iterator[None]:
    """Compare antigens once, and let every index of some of them take its part."""
    distinct = sorted(set(antigens))
    _store[:] = [
        ({antigen: i for i, antigen in enumerate(distinct)}, antigen_identities(distinct, distinct))
    ]
    try:
        yield
    finally:
        _store.clear()


def _identities_between(rows: Sequence[Antigen], columns: Sequence[Antigen]) -> Reals:
    if _store:
        index_of, square = _store[0]
        if index_of.keys() >= {*rows, *columns}:
            return square[
                np.ix_(
                    [index_of[antigen] for antigen in rows],
                    [index_of[antigen] for antigen in columns],
                )
            ]
    return antigen_identities(rows, columns)


def _key() -> pl.Expr:
    return antigen_key().fill_null("")


def _cdr_set(line: str) -> CdrSet:
    parts = line.split("|")
    heavy: Loops = (parts[0], parts[1], parts[2])
    return CdrSet(heavy, None if parts[3] == "-" else (parts[3], parts[4], parts[5]))
