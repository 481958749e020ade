"""How natural variants are: their log-likelihood under an encoder, beside the parent's.

Residues are hidden and predicted from the rest of the antibody (masked marginals: Meier et al.,
NeurIPS 2021). A variant's naturalness is the sum over its changed residues of
log p(new residue) - log p(parent's residue), in natural logarithms: 0 for the parent, below 0 for
residues that the encoder did not expect. It knows what antibodies look like, not what binds; the
built-in encoder's card says how little that one knows of CDR-H3. Needs torch (extra ``network``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.antibody import Chains
from abag.errors import EncoderError, SequenceError, installed
from abag.progress import track

if TYPE_CHECKING:
    from abag.encoders.protocol import MaskedEncoder

Reals = NDArray[np.float64]

_BATCH: Final = 16
_TOGETHER: Final = 4
"""Residues hidden in one pass, spread evenly over the chains."""
_COLUMN: Final = {letter: column for column, letter in enumerate(AMINO_ACIDS)}
_GUESS: Final = -float(np.log(len(AMINO_ACIDS)))
"""Log-probability of a residue that is not known (X): any of the twenty."""


class Naturalness:
    """Scores antibodies under an encoder; loads it once."""

    def __init__(self, encoder: str = "builtin") -> None:
        """Load ``builtin``, or another encoder that predicts residues (``antiberty``, ``sapiens``).

        Raises:
            EncoderError: for an encoder that predicts no residues.
            UnavailableError: torch is not installed, or the weights were not fetched.
        """
        self._encoder = _masked_encoder(encoder)
        self._known: dict[Chains, Reals] = {}

    def residue_log_probabilities(self, heavy: str, light: str | None = None) -> Reals:
        """Log-probabilities of the twenty residues at each residue, (n, 20).

        Rows are the residues of the heavy chain, then of the light chain; columns follow
        :data:`abag.antibody.alphabet.AMINO_ACIDS`. Each residue is hidden when it is predicted.
        """
        everything = np.arange(len(heavy) + len(light or ""))
        return self._predicted_rows((heavy, light or None), everything).copy()

    def log_likelihood(self, heavy: str, light: str | None = None) -> float:
        """Pseudo log-likelihood: the sum of the residues' own log-probabilities."""
        rows = self.residue_log_probabilities(heavy, light)
        return float(_log_probabilities_of(rows, heavy + (light or "")).sum())

    def of_variants(self, heavy: str, light: str | None, variants: Sequence[Chains]) -> Reals:
        """Naturalness of variants relative to their parent, (variants,).

        The effects of single changes, each in the parent's context, are added up. A variant of
        another length gets the difference of pseudo log-likelihoods.

        Raises:
            SequenceError: a variant has other chains than the parent, or is too long.
        """
        parent = heavy + (light or "")
        texts = [_joined(index, chains, bool(light)) for index, chains in enumerate(variants)]
        changes = [
            _changed_indices(parent, text) if len(chains[0]) == len(heavy) else None
            for chains, text in zip(variants, texts, strict=True)
        ]
        needed = [indices for indices in changes if indices is not None]
        everywhere = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *needed]))
        rows = self._predicted_rows((heavy, light or None), everywhere)
        of_parent = _log_probabilities_of(rows, parent)
        result = np.zeros(len(variants))
        for index, (chains, text, changed) in enumerate(zip(variants, texts, changes, strict=True)):
            if changed is None:
                result[index] = self.log_likelihood(*chains) - self.log_likelihood(heavy, light)
            else:
                of_variant = _log_probabilities_of(rows, text)
                result[index] = (of_variant[changed] - of_parent[changed]).sum()
        return result

    def _predicted_rows(self, chains: Chains, needed: NDArray[np.intp]) -> Reals:
        """Log-probabilities (n, 20) of all residues; NaN at those that were not needed so far."""
        from abag.encoders.protocol import Molecule, Role

        molecule = Molecule(Role.ANTIBODY, tuple(chain for chain in chains if chain))
        count = molecule.residues
        rows = self._known.setdefault(chains, np.full((count, len(AMINO_ACIDS)), np.nan))
        passes = -(-count // _TOGETHER)
        missing = needed[np.isnan(rows[needed, 0])] % passes
        hidden = [np.arange(first, count, passes) for first in np.unique(missing).tolist()]
        starts = range(0, len(hidden), _BATCH)
        for start in track(starts, "naturalness") if len(starts) > 20 else starts:
            batch = hidden[start : start + _BATCH]
            predicted = self._encoder.log_probabilities([molecule] * len(batch), batch)
            for places, values in zip(batch, predicted, strict=True):
                rows[places] = values
        return rows


def _masked_encoder(encoder: str) -> MaskedEncoder:
    installed(
        "torch",
        "naturalness is measured by an encoder, which needs torch: pip install 'abag[network]'",
    )
    from abag.encoders.adapters.opening import open_encoder

    # fp32 on the processor: the same figures on every machine.
    masked = open_encoder(encoder, device="cpu", precision="fp32").masked
    if masked is None:
        raise EncoderError(f"{encoder} predicts no hidden residues; give builtin or antiberty")
    return masked


def _log_probabilities_of(rows: Reals, residues: Sequence[str]) -> Reals:
    """The log-probability of each residue in its row; a guess for an unknown one."""
    columns = np.array([_COLUMN.get(residue, -1) for residue in residues], dtype=np.intp)
    values = rows[np.arange(len(columns)), columns]
    return np.where(columns < 0, _GUESS, values)


def _joined(index: int, chains: Chains, has_light: bool) -> str:
    if bool(chains[1]) != has_light:
        raise SequenceError(f"variant {index + 1} has not the same chains as its parent")
    return chains[0] + (chains[1] or "")


def _changed_indices(parent: str, variant: str) -> NDArray[np.intp] | None:
    """Indices of changed residues; None where lengths differ."""
    if len(parent) != len(variant):
        return None
    both = [np.frombuffer(text.encode("ascii"), dtype=np.uint8) for text in (parent, variant)]
    return np.flatnonzero(both[0] != both[1])
