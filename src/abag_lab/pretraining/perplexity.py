"""Held-out perplexity of hidden residues, of the network and of what needs none, by region.

15 % of the residues of each held-out molecule are masked, all of them by the mask token, by a
draw that depends on the seed and the molecule only. Perplexity is exp of the mean negative
log-likelihood of the true residue; 20 is a guess among equals.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.encoders.adapters.builtin_model import ANTIGEN, HEAVY, LIGHT, BuiltinModel
from abag_lab.pretraining.config import PretrainConfig
from abag_lab.pretraining.corpora.corpus import region_of
from abag_lab.pretraining.ngrams import HIDDEN, PositionFrequencies, Trigram, symbols, unigram
from abag_lab.pretraining.views import Masked, View, hide, items_of, view_tokens

_EVALUATION: Final = 3
NAMES: Final = {HEAVY: "heavy", LIGHT: "light", ANTIGEN: "antigen"}


@dataclass(frozen=True, slots=True)
class MaskedMolecule:
    """A held-out molecule with hidden residues, and where each of them stands."""

    masked: Masked
    chains: tuple[tuple[int, str], ...]
    chain_of: NDArray[np.intp]
    """Which of ``chains`` each hidden residue is in."""
    index: NDArray[np.intp]
    """Its index in that chain."""
    codes: NDArray[np.intp]
    """Its IMGT position code; 0 in antigens."""


def held_out_masks(table: pl.DataFrame, config: PretrainConfig) -> list[MaskedMolecule]:
    """Hide residues of each molecule; antigens are cut to their first ``crop_residues``."""
    result = []
    for item, row in zip(items_of(table), table.iter_rows(named=True), strict=True):
        antigen = item.chains[0][0] == ANTIGEN
        stop = config.crop_residues if antigen else None
        view = View(0, tuple(range(len(item.chains))), 0, stop)
        tokens, in_cdr = view_tokens(item, view)
        random = np.random.default_rng([config.seed, _EVALUATION, zlib.crc32(item.id.encode())])
        masked = hide(tokens, in_cdr, random, share=config.mask_share, always_mask=True)
        chains = tuple((kind, chain[:stop]) for kind, chain in item.chains)
        owner = np.concatenate([np.full(len(chain), i) for i, (_, chain) in enumerate(chains)])
        inside = np.concatenate([np.arange(len(chain)) for _, chain in chains])
        codes = np.zeros(inside.size, dtype=np.intp)
        if not antigen:
            codes[:] = list(row["heavy_positions"]) + list(row["light_positions"] or ())
        hidden = np.searchsorted(np.array(tokens.residues), masked.places)
        result.append(MaskedMolecule(masked, chains, owner[hidden], inside[hidden], codes[hidden]))
    return result


def measure(model: BuiltinModel, table: pl.DataFrame, config: PretrainConfig) -> dict[str, Any]:
    """Perplexities on the held-out rows of a corpus table; baselines see the others.

    Light chains that also occur, letter for letter, in a training molecule are left out of the
    figures (light chains recur between clusters of CDR-H3).

    Returns:
        By group (``all``, ``heavy``, ``heavy framework``, ``heavy CDR3``, ...): ``residues``
        hidden, top-1 ``accuracy`` of the network, and perplexities of ``model``, ``unigram``,
        ``trigram`` and ``profile`` (IMGT position frequencies; antigens have none).
    """
    train = table.filter(~pl.col("held_out"))
    tests = held_out_masks(table.filter("held_out"), config)
    known = set(train["light"].drop_nulls())
    losses: dict[str, NDArray[np.float64]] = {}
    losses["model"], correct = _network(model, tests)
    losses |= _without_network(train, tests)
    kinds = np.concatenate([np.array([kind for kind, _ in t.chains])[t.chain_of] for t in tests])
    fresh = np.concatenate([_fresh(test, known) for test in tests])
    regions = np.concatenate([_regions(test) for test in tests])
    result: dict[str, Any] = {}
    for name, chosen in _groups(kinds, regions).items():
        rows = chosen & fresh
        if not rows.any():
            continue
        result[name] = {"residues": int(rows.sum()), "accuracy": float(correct[rows].mean())}
        for method, values in losses.items():
            if method != "profile" or not (kinds[rows] == ANTIGEN).any():
                result[name][method] = float(np.exp(values[rows].mean()))
    result["all"]["known_light_residues_left_out"] = int((~fresh).sum())
    result["all"]["molecules"] = len(tests)
    return result


def _fresh(test: MaskedMolecule, known: set[str]) -> NDArray[np.bool_]:
    fresh = np.array([kind != LIGHT or chain not in known for kind, chain in test.chains])
    return np.asarray(fresh[test.chain_of])


def _regions(test: MaskedMolecule) -> NDArray[np.str_]:
    return np.array([region_of(int(code)) if code else "" for code in test.codes], dtype="U4")


def _groups(kinds: NDArray[np.intp], regions: NDArray[np.str_]) -> dict[str, NDArray[np.bool_]]:
    antibody = kinds != ANTIGEN
    groups = {"all": np.ones(kinds.size, dtype=np.bool_), "antibody": antibody}
    for kind, name in NAMES.items():
        groups[name] = kinds == kind
        if kind == ANTIGEN:
            continue
        framework = np.char.startswith(regions, "FR")
        groups[f"{name} framework"] = (kinds == kind) & framework
        for region in ("CDR1", "CDR2", "CDR3"):
            groups[f"{name} {region}"] = (kinds == kind) & (regions == region)
    return groups


def _network(
    model: BuiltinModel, tests: Sequence[MaskedMolecule]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Losses and hits of the network, in fp32, in the order of the tests."""
    import torch

    from abag.encoders.adapters.builtin_model import padded

    device = next(model.parameters()).device
    order = sorted(range(len(tests)), key=lambda i: len(tests[i].masked.codes))
    losses: list[NDArray[np.float64]] = [np.zeros(0)] * len(tests)
    hits: list[NDArray[np.bool_]] = [np.zeros(0, dtype=np.bool_)] * len(tests)
    size = 16
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            rows = model(padded([tests[i].masked.codes for i in batch]).to(device))
            for row, i in enumerate(batch):
                masked = tests[i].masked
                logits = model.logits(rows[row, torch.from_numpy(masked.places).to(device)])
                scores = logits.double().log_softmax(-1).cpu().numpy()
                losses[i] = -scores[np.arange(masked.targets.size), masked.targets]
                hits[i] = scores.argmax(1) == masked.targets
    return np.concatenate(losses), np.concatenate(hits)


def _without_network(
    train: pl.DataFrame, tests: Sequence[MaskedMolecule]
) -> dict[str, NDArray[np.float64]]:
    """Losses of letter frequencies, trigrams and profiles, one of each a chain type."""
    chains = {kind: train[name].drop_nulls().to_list() for kind, name in NAMES.items()}
    letters = {kind: unigram(chains[kind]) for kind in NAMES}
    trigrams = {kind: Trigram.fit(chains[kind]) for kind in NAMES}
    profiles = {
        kind: PositionFrequencies.fit(
            chains[kind], train[f"{NAMES[kind]}_positions"].drop_nulls().to_list()
        )
        for kind in (HEAVY, LIGHT)
    }
    losses: dict[str, list[NDArray[np.float64]]] = {"unigram": [], "trigram": [], "profile": []}
    for test in tests:
        targets = test.masked.targets
        probabilities_of = {name: np.zeros((targets.size, 20)) for name in losses}
        for i, (kind, chain) in enumerate(test.chains):
            in_chain = test.chain_of == i
            shown = symbols(chain)
            shown[test.index[in_chain]] = HIDDEN
            probabilities_of["unigram"][in_chain] = letters[kind]
            probabilities_of["trigram"][in_chain] = trigrams[kind].probabilities(
                shown, test.index[in_chain]
            )
            probabilities_of["profile"][in_chain] = (
                letters[kind]
                if kind == ANTIGEN
                else profiles[kind].probabilities(test.codes[in_chain].tolist())
            )
        for name, probabilities in probabilities_of.items():
            losses[name].append(-np.log(probabilities[np.arange(targets.size), targets]))
    return {name: np.concatenate(values) for name, values in losses.items()}
