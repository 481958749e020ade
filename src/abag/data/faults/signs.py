"""Inverted signs: assays in which a larger label means weaker binding.

Five independent signs:

* against another assay of the same molecules: Spearman of -0.5 or less, p below 1e-3, eight
  molecules or more (:func:`inverted_against_others`). Two assays that contradict each other do
  not say which is wrong: assays that agree with each side, and each side's own landscape, count
  as votes;
* in one library: drastic substitutions weaken binding, so labels correlate positively with the
  BLOSUM62 score of the changes (+0.15 to +0.7 in published scans). Spearman of -0.2 or less with
  p below 1e-6 is the reverse (:func:`inverted_landscape`);
* against the parent: 90 % or more of the variants tighter than the parent, in a library with
  three or more residues a position whose drastic changes read tighter (Spearman -0.15 or less).
  Libraries between a germline antibody and its mature form have two residues a position and are
  not judged, for their variants are tighter indeed;
* in a scan of single substitutions, hardly one weaker than the parent, which chance gives in less
  than 1 of 1,000 such scans (:func:`inverted_scan`): an error where the new residue is alanine or
  glycine, else a warning, for variants may have been chosen because they bind tighter;
* against the changes that a model expects, where the caller gives one: a warning
  (:func:`inverted_against_expectation`).

Assays that none of them can judge get a note (:func:`signs_not_judged`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.faults.fault import Fault, FaultKind, Severity
from abag.data.faults.landscape import VariantSet, spearman
from abag.data.faults.pairs import SharedLabels
from abag.units import Quantity

EXPECTED_VARIANTS: Final = 20
EXPECTED_CORRELATION: Final = 0.45
"""Between labels and expected changes; chosen on subsamples of 20 to 35 rows of published libraries
(docs/faults.md)."""
ExpectedChanges: TypeAlias = Callable[[str, Sequence[str]], NDArray[np.float64]]
"""Expected change of pKd of variants of a parent, all written ``heavy/light``."""

FEWEST_OF_SCAN: Final = 11
"""Ten substitutions and their parent: fewer cannot pass one in a thousand."""
SINGLES_SHARE: Final = 0.8
WEAKER_SHARE: Final = 0.05
P_SCAN: Final = 1e-3
SMALL_SHARE: Final = 0.7

SHARED: Final = 8
CORRELATION: Final = 0.5
P_SHARED: Final = 1e-3
SEVERITY_SIGNS: Final = ((-0.3, 1e-4), (-0.2, 1e-6), (-0.1, 1e-12))
"""Spearman with the severity of the changes, and its p value, from which a sign is inverted."""
P_EXPECTED: Final = 0.05
ENOUGH_VARIANTS: Final = 100
"""Variants from which BLOSUM62 alone shows most inverted signs."""
RESIDUES_PER_POSITION: Final = 4.0
TIGHTER_SHARE: Final = 0.9
TIGHTER_BY: Final = 0.05
PARENT_SEVERITY: Final = -0.15
PARENT_RESIDUES: Final = 3.0


def inverted_landscape(scan: VariantSet, parents: Mapping[str, float]) -> list[Fault]:
    """A library whose substitutions act in reverse; ``parents`` has the pKd of known parents.

    The keys of ``parents`` are antibodies (``heavy/light``); a parent inside the library wins.
    """
    rho, p = severity_correlation(scan)
    is_drastic = any(rho <= least and p < chance for least, chance in SEVERITY_SIGNS)
    if is_drastic and scan.residues_per_position >= RESIDUES_PER_POSITION:
        reason = (
            f"drastic substitutions read tighter than mild ones (Spearman {rho:.2f} with the "
            f"BLOSUM62 score of {len(scan.values)} variants; it is positive in a scan of a working "
            "antibody)"
        )
        return [_fault(scan, reason, {"sign_substitutions": 1, "spearman_blosum62": rho, "p": p})]
    parent = parents.get(scan.parent) if scan.parent_value is None else scan.parent_value
    variants = scan.values[scan.changes > 0]
    if parent is None or len(variants) == 0:
        return []
    tighter, middle = float((variants > parent - TIGHTER_BY).mean()), float(np.median(variants))
    if (
        tighter < TIGHTER_SHARE
        or middle <= parent + 2 * TIGHTER_BY
        or rho > PARENT_SEVERITY
        or scan.residues_per_position < PARENT_RESIDUES
    ):
        return []
    reason = (
        f"{100 * tighter:.0f} % of the variants read as tight as the parent or tighter (parent "
        f"{parent:.2f}, median variant {middle:.2f}), and the more drastic the change the tighter"
    )
    evidence: dict[str, float | int | str] = {
        "sign_parent": 1, "parent": parent, "share_tighter": tighter, "spearman_blosum62": rho,
    }  # fmt: skip
    return [_fault(scan, reason, evidence)]


def inverted_scan(scan: VariantSet) -> list[Fault]:
    """A scan of single substitutions in which the parent reads weakest."""
    single = scan.changes == 1
    count = int(single.sum())
    if (
        scan.quantity is Quantity.BINARY
        or scan.parent_value is None
        or count < max(FEWEST_OF_SCAN - 1, SINGLES_SHARE * (scan.changes > 0).sum())
    ):
        return []
    weaker = int((scan.values[single] < scan.parent_value).sum())
    if weaker > WEAKER_SHARE * count or _chance(weaker, count) >= P_SCAN:
        return []
    letters, changed = scan.letters[single], scan.letters[single] != scan.consensus
    to_small = float(np.isin(letters[changed], np.frombuffer(b"AG", np.uint8)).mean())
    severity = Severity.ERROR if to_small >= SMALL_SHARE else Severity.WARNING
    doubt = "" if severity is Severity.ERROR else " (unless these were chosen as tighter)"
    reason = (
        f"{count - weaker} of {count} single substitutions read as tight as the parent or "
        f"tighter, as hardly one does{doubt}; the numbers may be -log10 KD or an energy"
    )
    evidence: dict[str, float | int | str] = {
        "sign_scan": 1, "singles": count, "weaker": weaker, "to_alanine": to_small,
    }  # fmt: skip
    return [_fault(scan, reason, evidence, severity)]


def inverted_against_expectation(scan: VariantSet, expected: ExpectedChanges) -> list[Fault]:
    """A warning for a small library that contradicts a model's expected changes."""
    changed = scan.changes > 0
    count = int(changed.sum())
    if count < EXPECTED_VARIANTS or scan.quantity is Quantity.BINARY:
        return []
    rho, p = spearman(scan.values[changed], expected(scan.parent, scan.variants(changed)))
    if rho > -EXPECTED_CORRELATION or p >= P_EXPECTED:
        return []
    reason = (
        f"the variants that should bind weakest read tightest (Spearman {rho:.2f} of {count} "
        "variants with what is expected of their substitutions)"
    )
    evidence: dict[str, float | int | str] = {
        "sign_expected": 1, "spearman_expected": rho, "p": p,
    }  # fmt: skip
    return [_fault(scan, reason, evidence, Severity.WARNING)]


def signs_not_judged(
    rows: pl.DataFrame, landscapes: Sequence[VariantSet], compared: set[str]
) -> list[Fault]:
    """One note on the assays whose sign no check could judge.

    ``rows`` are those of :func:`abag.data.faults.pairs.measured`; ``compared`` are assays that
    share molecules with others.
    """
    judged = compared | {
        scan.assay
        for scan in landscapes
        if len(scan.values) >= ENOUGH_VARIANTS
        or (scan.parent_value is not None and (scan.changes == 1).sum() >= FEWEST_OF_SCAN - 1)
    }
    counts = rows.group_by("assay", maintain_order=True).len().filter(pl.col("len") > 1)
    unjudged = [(str(name), int(n)) for name, n in counts.iter_rows() if name not in judged]
    if not unjudged:
        return []
    listed = ", ".join(f"{name!r} ({n} antibodies)" for name, n in unjudged[:5])
    listed += " ..." if unjudged[5:] else ""
    message = (
        f"whether larger is tighter was not judged for {listed}: it takes {ENOUGH_VARIANTS} "
        f"variants of one antibody, or ten single mutants and their parent, or {SHARED} molecules "
        "of another assay (--others); of smaller libraries about one wrong sign in five is seen. "
        "Check a pair whose order you know"
    )
    total = sum(n for _, n in unjudged)
    share = total / max(rows.height, 1)
    return [
        Fault(FaultKind.SIGN_NOT_JUDGED, unjudged[0][0], Severity.NOTE, total, share, message,
              {"assays": len(unjudged)})
    ]  # fmt: skip


def _chance(weaker: int, count: int) -> float:
    """Probability of so few weaker ones if a substitution weakened binding every other time."""
    from scipy import stats

    return float(stats.binom.cdf(weaker, count, 0.5))


def severity_correlation(scan: VariantSet) -> tuple[float, float]:
    """Spearman of label and BLOSUM62 score of the changes, and its p value."""
    changed = scan.changes > 0
    return spearman(scan.values[changed], scan.severity[changed].astype(np.float64))


def inverted_against_others(
    shared: Sequence[SharedLabels], landscapes: Sequence[VariantSet], judged: set[str]
) -> list[Fault]:
    """Assays of ``judged`` that run against other assays and have fewer votes than they."""
    correlations = {
        (pair.assay, pair.reference): (pair, rho)
        for pair in shared
        if (rho := _correlation(pair)) is not None
    }
    votes: dict[str, int] = defaultdict(int)
    for (assay, _), (_, rho) in correlations.items():
        votes[assay] += int(rho > 0)
    for scan in landscapes:
        rho, p = severity_correlation(scan)
        if p < P_SHARED:
            votes[scan.assay] += 1 if rho > 0 else -1
    worst: dict[str, Fault] = {}
    for (assay, reference), (pair, rho) in sorted(
        correlations.items(), key=lambda item: item[1][1]
    ):
        own_votes, reference_votes = votes[assay], votes[reference]
        if rho > 0 or assay not in judged or assay in worst or own_votes > reference_votes:
            continue
        doubt = (
            "" if own_votes < reference_votes else "; nothing else tells which of the two is wrong"
        )
        worst[assay] = _fault(
            pair,
            f"{len(pair.values)} molecules that {reference!r} has, too, are in the reverse order "
            f"there (Spearman {rho:.2f}){doubt}",
            {
                "sign_other_assay": 1,
                "reference": reference,
                "spearman": rho,
                "votes": own_votes,
                "votes_of_reference": reference_votes,
            },
        )
    return [worst[assay] for assay in sorted(worst)]


def _correlation(pair: SharedLabels) -> float | None:
    """Spearman of two assays where it is strong and significant, else None."""
    a, b = (pair.values, pair.reference_values) if pair.both_absolute else pair.centred()
    if len(a) < SHARED:
        return None
    rho, p = spearman(a, b)
    return rho if abs(rho) >= CORRELATION and p < P_SHARED else None


def _fault(
    labels: VariantSet | SharedLabels,
    reason: str,
    evidence: dict[str, float | int | str],
    severity: Severity = Severity.ERROR,
) -> Fault:
    message = (
        f"the sign looks inverted: {reason}. Find out which direction is tighter; if larger is "
        "weaker, declare the unit 'score (lower is tighter)' or convert the values"
    )
    kind, ids = FaultKind.INVERTED_SIGN, labels.ids
    return Fault.of_rows(kind, severity, labels.assay, ids, len(ids), message, evidence)
