"""Do the positions that carry a prediction touch the antigen? Contacts of a known complex."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.data.formats.choices import ChainNames
from abag.data.formats.coordinates.complexes import Complex, read_complexes, residue_distances

Reals = NDArray[np.float64]

CONTACT_ANGSTROM: Final = 5.0
"""A residue with a heavy atom closer than this to one of the antigen is in contact."""
_SHUFFLES: Final = 1_000
_FEWEST: Final = 3
_FAR: Final = 1e9


@dataclass(frozen=True)
class ContactMap:
    """The chains of a complex, and the distance of each antibody residue to the antigen."""

    complex: Complex
    cutoff_angstrom: float = CONTACT_ANGSTROM

    @classmethod
    def read(cls, path: Path, chains: ChainNames | None = None) -> Self:
        """The first complex of a PDB or mmCIF file, or that of the named chains.

        Raises FileFormatError without one.
        """
        return cls(read_complexes(path, chains)[0])

    @property
    def heavy(self) -> str:
        """Heavy chain, or scFv, as in the file."""
        return self.complex.heavy.sequence

    @property
    def light(self) -> str | None:
        """Light chain as in the file."""
        return self.complex.light.sequence if self.complex.light else None

    @property
    def antigen(self) -> list[str]:
        """Antigen chains as in the file."""
        return [chain.sequence for chain in self.complex.antigen]

    def distances(self, chain: str, domain: str) -> list[float | None]:
        """Distance of each residue of a variable domain to the antigen, ångström.

        None where the residue has no atoms in the file; very large beyond ``cutoff_angstrom``.
        ``chain`` is ``heavy`` or ``light``; the light domain of an scFv is part of the heavy chain.
        """
        antibody = (
            self.complex.light if chain == "light" and self.complex.light else self.complex.heavy
        )
        start = antibody.sequence.find(domain)
        if not domain or start < 0:
            return [None] * len(domain)
        nearest: dict[int, float] = {}
        for antigen in self.complex.antigen:
            for (i, _), distance in residue_distances(
                antibody, antigen, self.cutoff_angstrom
            ).items():
                nearest[i] = min(distance, nearest.get(i, _FAR))
        resolved = set(antibody.atom_residues.tolist())
        return [
            nearest.get(start + i, _FAR) if start + i in resolved else None
            for i in range(len(domain))
        ]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Areas under the ROC curve: does importance tell contact residues from the others?"""

    contacts: int
    residues: int
    """Residues with atoms."""
    auroc: float
    shuffled_low: float
    shuffled_high: float
    """Between these lie 95 % of the areas of shuffled importances."""
    auroc_of_cdrs: float
    """The area that 'is it in a CDR' reaches alone."""
    auroc_inside_cdrs: float | None
    """Importance among CDR residues only; None where they are all in contact, or none."""

    @property
    def agrees(self) -> bool:
        """Whether importance does better than shuffled."""
        return self.auroc > self.shuffled_high

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "agrees": self.agrees}

    def in_words(self) -> str:
        """Two or three sentences that also say when there is no agreement."""
        text = (
            f"{self.contacts} of {self.residues} resolved residues touch the antigen (heavy atoms "
            f"under {CONTACT_ANGSTROM:g} A). Importance tells them from the others with AUROC "
            f"{self.auroc:.2f} (shuffled {self.shuffled_low:.2f} to {self.shuffled_high:.2f}); "
            f"being in a CDR alone reaches {self.auroc_of_cdrs:.2f}."
        )
        if self.auroc_inside_cdrs is not None:
            text += f" Among CDR residues AUROC {self.auroc_inside_cdrs:.2f}."
        if not self.agrees:
            return f"{text} So what the model finds important is NOT where the antigen is touched."
        if self.auroc <= self.auroc_of_cdrs:
            return f"{text} So importance says no more about contacts than the CDR borders do."
        return text


def agreement(positions: pl.DataFrame, seed: int = 0) -> Agreement | None:
    """Compare importance and contact; None with fewer than three residues in or out of contact."""
    resolved = positions.filter(pl.all_horizontal(pl.col("contact", "importance").is_not_null()))
    touching = resolved["contact"].to_numpy().astype(np.bool_)
    if min(touching.sum(), (~touching).sum()) < _FEWEST:
        return None
    importance = resolved["importance"].to_numpy()
    cdr = resolved["region"].str.starts_with("CDR").to_numpy()
    generator = np.random.default_rng(seed)
    shuffled = [auroc(generator.permutation(importance), touching) for _ in range(_SHUFFLES)]
    low, high = np.quantile(shuffled, [0.025, 0.975]).tolist()
    inside = touching[cdr]
    mixed = 0 < inside.sum() < len(inside)
    return Agreement(
        contacts=int(touching.sum()),
        residues=len(touching),
        auroc=auroc(importance, touching),
        shuffled_low=low,
        shuffled_high=high,
        auroc_of_cdrs=auroc(cdr.astype(np.float64), touching),
        auroc_inside_cdrs=auroc(importance[cdr], inside) if mixed else None,
    )


def auroc(scores: Reals, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive has a higher score than a negative; ties count half."""
    _, distinct, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2.0
    positives = int(positive.sum())
    negatives = len(positive) - positives
    return float(
        (ranks[distinct][positive].sum() - positives * (positives + 1) / 2.0)
        / (positives * negatives)
    )
