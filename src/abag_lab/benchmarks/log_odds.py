"""What log-odds of published weights add to the global model of mutations, without a measurement.

Each assay of the open part and each open AbBiBench assay is scored by the global model learnt
without the assay's cluster, by the log-odds alone, by the average of both ranks, and by a sum whose
weight is learnt on the assays of other clusters. The log-odds are those of an encoder (how natural
the variants are) or of the complex (ProteinMPNN), for the assays whose structure is at hand; there
the global model also predicts in the complex, as `abag scan --structure` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from abag.errors import OptionError, SequenceError
from abag.evaluation.scores.intervals import require_resamples
from abag.files import require_own, write_json, write_text
from abag.model.mutation_effect import ParentAntibody
from abag.progress import track
from abag_lab.benchmarks.abbibench import ASSAYS, read_assay
from abag_lab.benchmarks.abbibench_scores import Correlations, correlate
from abag_lab.benchmarks.known_structures import KnownStructures
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.mutation_effect.assays import read_assays
from abag_lab.mutation_effect.blind import BlindPriors
from abag_lab.mutation_effect.complexes import complex_clusters
from abag_lab.mutation_effect.sealed import parts
from abag_lab.sources.build import source_table

if TYPE_CHECKING:
    from abag.model.inverse_folding.complexes import ComplexLogOdds

Reals = NDArray[np.float64]

STRUCTURE: Final = "structure"
TERMS: Final = ("builtin", "antiberty", "sapiens", STRUCTURE)
GLOBAL, ALONE, RANKS, LEARNT = "global model", "log-odds", "average of ranks", "learnt weight"
WITHIN: Final = "in the complex"
SEALED: Final = "sealed"
OPENINGS: Final = "openings.jsonl"
FILES: Final = ("log-odds.json", "log-odds.md", "scores", OPENINGS)
_FEWEST_ROWS: Final = 8
"""Exact rows of an assay that is scored or that a weight is learnt on."""
_RIDGE: Final = 10.0
_LEAST_SCALE: Final = 0.05


@dataclass(frozen=True, slots=True)
class ScoredAssay:
    """Exact rows of one assay: values, the global model's effects, and the log-odds.

    ``within`` are the effects in the complex, where it is known.
    """

    name: str
    cluster: str
    delta: Reals
    effect: Reals
    log_odds: Reals
    within: Reals | None = None

    @property
    def in_abbibench(self) -> bool:
        """Whether it is one of the open AbBiBench assays."""
        return self.name.startswith("abbibench/")

    def scores(self, weight: float) -> dict[str, Reals]:
        """Scores (rows,) of every model; ``weight`` multiplies the log-odds."""
        in_complex = {} if self.within is None else {WITHIN: self.within}
        return {
            GLOBAL: self.effect,
            ALONE: self.log_odds,
            RANKS: _ranks(self.effect) + _ranks(self.log_odds),
            LEARNT: self.effect + weight * self.log_odds,
            **in_complex,
        }


@dataclass(frozen=True, slots=True)
class TermFigures:
    """One term on one set of assays."""

    term: str
    part: str
    weights: Mapping[str, float]
    """Weight of the log-odds beside an effect in pKd, learnt without each assay's cluster."""
    rows: Mapping[str, int]
    correlations: Correlations

    def as_json(self) -> dict[str, Any]:
        """Every figure; the advantage is that of the complex, or of the learnt weight."""
        models = self.correlations.models
        figures = self.correlations.as_json(WITHIN if WITHIN in models else LEARNT)
        return {"weights": dict(self.weights), "rows": dict(self.rows), **figures}


def benchmark_log_odds(
    sources: Path,
    out: Path,
    *,
    terms: Sequence[str] = TERMS,
    opened: bool = False,
    seed: int = 0,
    resamples: int = 1000,
) -> list[TermFigures]:
    """Score the open assays and write log-odds.json and log-odds.md; a stopped run goes on.

    Args:
        sources: Folder with the published sources, and ``structures`` among them.
        out: Folder for what is written; scores/ keeps what was computed of each assay.
        terms: Names, of those in :data:`TERMS`.
        opened: Also score the sealed assays, and add the figures to openings.jsonl: once for each
            term that is to ship.
        seed: Seed of the bootstrap.
        resamples: Bootstrap resamples of rows.

    Raises:
        OptionError: an unknown term, or too few resamples.
        UnavailableError: torch is missing, or the weights were not fetched.
    """
    require_resamples(resamples)
    unknown = [name for name in terms if name not in TERMS]
    if unknown or not terms:
        raise OptionError(f"unknown term {(unknown or [''])[0]!r}; known are {', '.join(TERMS)}")
    require_own(out, FILES, "log-odds", overwrite=True)
    priors = BlindPriors.of(sources)
    table = source_table(sources, "abbibench")
    published = [read_assay(sources, name, table)[0] for name in ASSAYS]
    names = {assay.name for assay in published}
    sealed = parts(read_assays(sources))[1] if opened else []
    assays = [*(assay for assay in priors.assays if assay.name not in names), *published, *sealed]
    assays = [assay for assay in assays if (~assay.censored).sum() >= _FEWEST_ROWS]
    figures = []
    for term in terms:
        scored = _scored_assays(assays, term, priors, sources, out / "scores")
        figures += _figures_by_part(term, scored, {assay.name for assay in sealed}, seed, resamples)
    by_term = {f"{figure.term}, {figure.part}": figure.as_json() for figure in figures}
    write_json(out / "log-odds.json", by_term)
    if opened:
        log = out / OPENINGS
        earlier = log.read_text(encoding="utf-8") if log.exists() else ""
        opening = {name: part for name, part in by_term.items() if name.endswith(SEALED)}
        write_text(log, earlier + json.dumps(opening, sort_keys=True) + "\n")
    write_text(out / "log-odds.md", page(figures))
    return figures


def _scored_assays(
    assays: Sequence[VariantAssay], term: str, priors: BlindPriors, sources: Path, folder: Path
) -> list[ScoredAssay]:
    scored = []
    makers: dict[str, Callable[[VariantAssay], Reals | None]]
    if term == STRUCTURE:
        complexes = _Complexes(KnownStructures(sources / "structures"), priors)
        makers = {term: complexes.log_odds, f"{term}-effect": complexes.effect}
    else:
        makers = {term: _encoder_log_odds(term)}
    makers["global"] = priors.effects_without
    clusters = complex_clusters([*assays])
    for assay in track(assays, f"log-odds, {term}"):
        exact = ~assay.censored
        values = []
        for name, make in makers.items():
            scores = _cached_scores(folder / f"{_file_name(assay)}-{name}.json", assay, make)
            if scores is None:
                break
            values.append(scores[exact])
        else:
            log_odds, *within, effect = values
            cluster = clusters[assay.name]
            scored.append(
                ScoredAssay(assay.name, cluster, assay.delta[exact], effect, log_odds, *within)
            )
    return scored


def _encoder_log_odds(encoder: str) -> Callable[[VariantAssay], Reals | None]:
    from abag.maturation.antibody.naturalness import Naturalness

    naturalness = Naturalness(encoder)
    return lambda assay: naturalness.of_variants(
        assay.parent_heavy, assay.parent_light, assay.variants
    )


@dataclass(slots=True)
class _Complexes:
    """Log-odds and effects of variants in the complex of their assay; keeps the last complex."""

    known: KnownStructures
    priors: BlindPriors
    last: tuple[str, ComplexLogOdds | None] = ("", None)

    def log_odds(self, assay: VariantAssay) -> Reals | None:
        """Log-odds (rows,); None where there is no structure."""
        in_complex = self._complex(assay)
        return None if in_complex is None else in_complex.of_variants(assay.variants)

    def effect(self, assay: VariantAssay) -> Reals | None:
        """ΔpKd (rows,) in the complex by the global model without the assay's cluster."""
        in_complex = self._complex(assay)
        if in_complex is None:
            return None
        parent = ParentAntibody.of(*in_complex.parent).within(
            in_complex.surroundings_of(assay.variants)
        )
        return self.priors.model_without(assay).predict(parent, assay.table).delta_pkd

    def _complex(self, assay: VariantAssay) -> ComplexLogOdds | None:
        if self.last[0] != assay.name:
            self.last = (assay.name, self.known.complex(assay))
        return self.last[1]


def _cached_scores(
    path: Path, assay: VariantAssay, make: Callable[[VariantAssay], Reals | None]
) -> Reals | None:
    """Scores (rows,) of an assay: from its file if that is of these rows, else computed anew."""
    rows = assay.table.select("heavy", "light").write_csv() + assay.delta.tobytes().hex()
    digest = hashlib.sha256(rows.encode()).hexdigest()
    if path.exists():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["rows_sha256"] == digest:
            return None if content["values"] is None else np.array(content["values"])
    try:
        values = make(assay)
    except SequenceError:  # the structure is of another antibody, or a variant has no place in it
        values = None
    as_list = None if values is None else values.tolist()
    write_json(path, {"rows_sha256": digest, "values": as_list})
    return values


def _file_name(assay: VariantAssay) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in assay.name)


def learnt_weight(assays: Sequence[ScoredAssay], cluster: str) -> float:
    """Weight of log-odds beside the global model, on the assays of other clusters; 0 or more.

    Least squares within assays: of the values on the effects, then of the residuals on the
    log-odds. Rows weigh by one over the variance of their assay; n rows count as n / (1 + n / 100).
    """
    others = [assay for assay in assays if assay.cluster != cluster]
    centred = [
        tuple(part - part.mean() for part in (assay.delta, assay.effect, assay.log_odds))
        for assay in others
    ]
    shares = [1.0 / (1.0 + len(y) / 100) / (float(y.var()) or 1.0) for y, _, _ in centred]
    pairs = list(zip(shares, centred, strict=True))
    square = sum(share * float(x @ x) for share, (_, x, _) in pairs)
    along = sum(share * float(x @ y) for share, (y, x, _) in pairs)
    scale = max(along / square, _LEAST_SCALE) if square else 1.0
    unexplained = sum(share * float(t @ (y - scale * x)) for share, (y, x, t) in pairs)
    term = sum(share * float(t @ t) for share, (_, _, t) in pairs)
    return max(unexplained / (term + _RIDGE), 0.0) / scale


def _figures_by_part(
    term: str, assays: Sequence[ScoredAssay], sealed: set[str], seed: int, resamples: int
) -> list[TermFigures]:
    figures = []
    open_assays = [assay for assay in assays if assay.name not in sealed]
    in_parts = {
        "AbBiBench": [assay for assay in open_assays if assay.in_abbibench],
        "other open assays": [assay for assay in open_assays if not assay.in_abbibench],
        SEALED: [assay for assay in assays if assay.name in sealed],
    }
    for part, part_assays in in_parts.items():
        if not part_assays:
            continue
        weights = {assay.name: learnt_weight(open_assays, assay.cluster) for assay in part_assays}
        scored = {
            assay.name: (assay.delta, assay.scores(weights[assay.name])) for assay in part_assays
        }
        correlations = correlate(scored, (), seed, resamples)
        rows = {assay.name: len(assay.delta) for assay in part_assays}
        figures.append(TermFigures(term, part, weights, rows, correlations))
    return figures


def _ranks(values: Reals) -> Reals:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values) / len(values))


def page(figures: Sequence[TermFigures]) -> str:
    """A Markdown table for each term and part, with the difference to the global model."""
    lines = ["# Log-odds of published weights, zero-shot", ""]
    for figure in figures:
        lines += [f"## {figure.term}, {figure.part}", ""]
        lines.append(f"| assay | rows | {' | '.join(figure.correlations.models)} | weight |")
        lines.append("|---|---|" + "---|" * (len(figure.correlations.models) + 1))
        for row, name in enumerate(figure.correlations.assays):
            values = " | ".join(f"{value:.3f}" for value in figure.correlations.values[row])
            lines.append(
                f"| {name} | {figure.rows[name]:,} | {values} | {figure.weights[name]:.3f} |"
            )
        means = " | ".join(f"{value:.3f}" for value in figure.correlations.values.mean(axis=0))
        lines += [f"| mean of {len(figure.rows)} | | {means} | |", ""]
        for model in (RANKS, LEARNT, WITHIN):
            if model not in figure.correlations.models:
                continue
            gain = figure.correlations.advantage(model, GLOBAL)
            if gain is not None:
                rounded = json.dumps({k: round(v, 3) for k, v in asdict(gain).items()})
                lines.append(f"{model} minus {GLOBAL}, 95 % over rows: {rounded}")
        lines.append("")
    return "\n".join(lines)
