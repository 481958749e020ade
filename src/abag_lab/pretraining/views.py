"""What of the corpus is shown when, and which residues are hidden: pure functions of the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.adapters.builtin_model import (
    ANTIGEN,
    FIRST_RESIDUE,
    HEAVY,
    LIGHT,
    MASK,
    UNKNOWN,
    Tokens,
    tokens_of,
)
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.corpora.corpus import region_of

_ORDER, _MASKS = 1, 2
"""Streams of random numbers: order and views of an epoch, masks of a step."""

_BATCHES_SORTED_TOGETHER: Final = 64


@dataclass(frozen=True, slots=True)
class Item:
    """A molecule of the corpus as chains with their token kind and, for antibodies, CDR flags."""

    id: str
    chains: tuple[tuple[int, str], ...]
    in_cdr: tuple[bool, ...]
    """One a residue over all chains."""


@dataclass(frozen=True, slots=True)
class View:
    """One way to show an item: some of its chains, or a window of its residues."""

    item: int
    chains: tuple[int, ...]
    start: int = 0
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Masked:
    """Tokens with hidden residues: ``codes`` as shown, ``places`` and the true ``targets``."""

    codes: tuple[int, ...]
    places: NDArray[np.intp]
    """Indices into ``codes`` of the residues to predict."""
    targets: NDArray[np.intp]
    """Indices into :data:`abag.antibody.alphabet.AMINO_ACIDS`."""


def items_of(table: pl.DataFrame) -> list[Item]:
    """Items of a corpus table, in its order."""
    items = []
    for row in table.iter_rows(named=True):
        if row["role"] == "antigen":
            chain = row["antigen"]
            items.append(Item(row["id"], ((ANTIGEN, chain),), (False,) * len(chain)))
            continue
        chains = [(HEAVY, row["heavy"])]
        codes = list(row["heavy_positions"])
        if row["light"] is not None:
            chains.append((LIGHT, row["light"]))
            codes += row["light_positions"]
        flags = tuple(region_of(code).startswith("CDR") for code in codes)
        items.append(Item(row["id"], tuple(chains), flags))
    return items


def view_residues(item: Item, view: View) -> int:
    """Number of residues that a view shows."""
    return sum(len(item.chains[c][1][view.start : view.stop]) for c in view.chains)


def view_tokens(item: Item, view: View) -> tuple[Tokens, NDArray[np.bool_]]:
    """Tokens of a view, and whether each of its residues is in a CDR."""
    shown: list[tuple[int, str]] = []
    flags: list[bool] = []
    before = 0
    for index, (kind, chain) in enumerate(item.chains):
        if index in view.chains:
            shown.append((kind, chain[view.start : view.stop]))
            flags += item.in_cdr[before : before + len(chain)][view.start : view.stop]
        before += len(chain)
    return tokens_of(shown), np.array(flags, dtype=np.bool_)


def epoch_views(items: Sequence[Item], config: PretrainConfig, epoch: int) -> list[View]:
    """How each item is shown in an epoch: antibodies once, antigens several times and cropped."""
    random = np.random.default_rng([config.seed, _ORDER, epoch])
    views = []
    for index, item in enumerate(items):
        if item.chains[0][0] == ANTIGEN:
            spare = max(0, len(item.chains[0][1]) - config.crop_residues)
            for _ in range(config.antigen_copies):
                start = int(random.integers(spare + 1))
                views.append(View(index, (0,), start, start + config.crop_residues))
            continue
        chains: tuple[int, ...] = tuple(range(len(item.chains)))
        if len(chains) == 2 and random.random() < config.single_chain_share:
            chains = (int(random.integers(2)),)
        views.append(View(index, chains))
    return [views[i] for i in random.permutation(len(views))]


def epoch_batches(items: Sequence[Item], config: PretrainConfig, epoch: int) -> list[list[View]]:
    """Batches of views of similar length, at most ``tokens_per_batch`` padded tokens each.

    Views are shuffled, sorted by length inside blocks of about 64 batches, cut, and the batches
    shuffled again. The result depends on (seed, epoch) and the corpus alone.
    """
    random = np.random.default_rng([config.seed, _ORDER, epoch, 1])
    views = epoch_views(items, config, epoch)
    batches: list[list[View]] = []
    block: list[View] = []
    size = 0
    for view in views:
        block.append(view)
        size += view_residues(items[view.item], view) + 2
        if size >= _BATCHES_SORTED_TOGETHER * config.tokens_per_batch:
            batches += _cut(items, block, config.tokens_per_batch)
            block, size = [], 0
    batches += _cut(items, block, config.tokens_per_batch)
    return [batches[i] for i in random.permutation(len(batches))]


def _cut(items: Sequence[Item], block: list[View], budget: int) -> list[list[View]]:
    batches: list[list[View]] = []
    longest = 0
    for view in sorted(block, key=lambda v: view_residues(items[v.item], v)):
        length = view_residues(items[view.item], view) + len(view.chains)
        longest = max(longest, length)
        if not batches or (len(batches[-1]) + 1) * longest > budget:
            batches.append([])
            longest = length
        batches[-1].append(view)
    return batches


def hide(
    tokens: Tokens,
    in_cdr: NDArray[np.bool_],
    random: np.random.Generator,
    *,
    share: float,
    cdr_weight: float = 1.0,
    always_mask: bool = False,
) -> Masked:
    """Choose residues to predict and change them: 80 % mask, 10 % random, 10 % left as they are.

    CDR residues are ``cdr_weight`` times as likely to be chosen, at the same expected share
    overall. With ``always_mask`` all chosen ones are masked (evaluation). At least one residue
    with a known letter is chosen where there is one.
    """
    residues = np.array(tokens.residues, dtype=np.intp)
    codes = np.array(tokens.codes, dtype=np.intp)
    weight = np.where(in_cdr, cdr_weight, 1.0)
    draw = random.random(residues.size) / (share * weight / weight.mean())
    draw[codes[residues] == UNKNOWN] = np.inf
    chosen = draw < 1.0
    if not chosen.any() and np.isfinite(draw).any():
        chosen[draw.argmin()] = True
    places = residues[chosen]
    targets = codes[places] - FIRST_RESIDUE
    fate = random.random(places.size)
    letters = random.integers(FIRST_RESIDUE, FIRST_RESIDUE + len(AMINO_ACIDS), places.size)
    codes[places] = np.where(fate < 0.8, MASK, np.where(fate < 0.9, letters, codes[places]))
    if always_mask:
        codes[places] = MASK
    return Masked(tuple(codes.tolist()), places, targets)


def step_masks(
    items: Sequence[Item], batch: Sequence[View], config: PretrainConfig, step: int
) -> list[Masked]:
    """The masks of a training step: a pure function of (seed, step) and the batch."""
    random = np.random.default_rng([config.seed, _MASKS, step])
    return [
        hide(
            *view_tokens(items[view.item], view),
            random,
            share=config.mask_share,
            cdr_weight=config.cdr_weight,
        )
        for view in batch
    ]
