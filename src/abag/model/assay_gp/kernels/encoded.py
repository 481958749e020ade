"""What an encoder says of an assay's parent, as optional terms of the kernel.

One pass of the encoder over the reference residues gives each position a row and, by its head,
log-probabilities of the twenty residues. ``context``: positions whose rows are alike share the
effects of their substitutions, with the covariance sum over p, p' of <E_p, E_p'> <W_p, W'_p'>.
``likelihood``: the log-odds of the new residue over the parent's (Meier et al., NeurIPS 2021), and
the entropy of the positions that change: of the built-in encoder in one pass (wild-type marginals),
of a published one with each residue hidden (masked marginals). The tables are saved with the
model: fitting needs torch (extra ``network``), predicting needs neither torch nor the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, GAP, LETTERS, UNKNOWN
from abag.model.assay_gp.positions import Positions

if TYPE_CHECKING:
    from abag.encoders.adapters.builtin import BuiltinEncoder
    from abag.encoders.adapters.builtin_model import BuiltinModel
    from abag.encoders.protocol import MaskedEncoder, Molecule

Reals = NDArray[np.float64]

ENCODED: Final = ("context", "likelihood")
COMPONENTS: Final = 16
"""Principal components of the rows that ``context`` compares."""
_PASSES: Final = 16
"""Every sixteenth residue is hidden at once."""
_DECIMALS: Final = 3
"""Rows and log-probabilities are rounded: their last digits depend on the number of threads."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """``context`` (P, :data:`COMPONENTS`) of positions, ``likelihood`` (P, 22, 2) of letters."""

    context: Reals
    likelihood: Reals

    @classmethod
    def of(cls, positions: Positions, encoder: str) -> Encoded:
        """Of the reference residues; zero at gaps.

        Raises:
            UnavailableError: torch is not installed, or the encoder's weights were not fetched.
        """
        reference = positions.reference
        end = len(positions.heavy.positions)
        occupied = np.flatnonzero(reference != GAP)
        text = [LETTERS[code] for code in reference[occupied].tolist()]
        split = int((occupied < end).sum())
        rows, log_p = _encode_parent(encoder, "".join(text[:split]), "".join(text[split:]))
        count = positions.count
        context = np.zeros((count, COMPONENTS))
        context[occupied] = _components(rows)
        likelihood = np.zeros((count, 22, 2))
        likelihood[occupied, :20, 0] = log_p
        likelihood[occupied, :20, 1] = -(np.exp(log_p) * log_p).sum(axis=1)[:, None]
        # A deletion, and an unknown residue, count as the mean residue.
        likelihood[:, (GAP, UNKNOWN)] = likelihood[:, :20].mean(axis=1)[:, None]
        reference_values = likelihood[np.arange(count), reference].copy()
        likelihood[..., 0] -= reference_values[:, None, 0]
        likelihood[np.arange(count), reference] = 0.0
        return cls(context, likelihood)


def encoder_origin(embedding: str) -> dict[str, str]:
    """Name and revision of the encoder, for a model's training summary; empty for ``none``."""
    from abag.encoders.adapters.opening import encoder_facts

    if embedding == "none":
        return {}
    facts = encoder_facts(embedding)
    return {"encoder": f"{facts.id} {facts.revision}"}


def _components(rows: Reals) -> Reals:
    """Main components of rows (n, width), of mean square 1 in all; shape (n, COMPONENTS)."""
    left, sizes, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    components = np.zeros((len(rows), COMPONENTS))
    count = min(COMPONENTS, len(sizes))
    components[:, :count] = left[:, :count] * sizes[:count]
    spread = float((components**2).sum(axis=1).mean())
    return components / np.sqrt(spread) if spread > 0 else components


@lru_cache(maxsize=8)
def _encode_parent(name: str, heavy: str, light: str) -> tuple[Reals, Reals]:
    """Rows (n, width) and log-probabilities (n, 20) of the residues of both chains."""
    from abag.encoders.protocol import Molecule, Role

    molecule = Molecule(Role.ANTIBODY, tuple(chain for chain in (heavy, light) if chain))
    rows, log_p = (_of_builtin if name == "builtin" else _of_published)(name, molecule)
    return rows.round(_DECIMALS), log_p.round(_DECIMALS)


def _of_builtin(_: str, molecule: Molecule) -> tuple[Reals, Reals]:
    from abag.encoders.adapters.opening import open_encoder

    encoder = cast("BuiltinEncoder", open_encoder("builtin", device="cpu"))
    (encoded,) = encoder.encode([molecule])
    import torch

    with torch.inference_mode():
        logits = cast("BuiltinModel", encoder.network).logits(torch.from_numpy(encoded.rows))
        log_p = logits.double().log_softmax(-1).numpy()
    return encoded.rows.astype(np.float64), log_p


def _of_published(name: str, molecule: Molecule) -> tuple[Reals, Reals]:
    from abag.encoders.adapters.opening import open_encoder

    encoder = cast("MaskedEncoder", open_encoder(name, device="cpu", precision="fp32"))
    (encoded,) = encoder.encode([molecule])
    count = molecule.residues
    hidden = [np.arange(first, count, _PASSES) for first in range(min(_PASSES, count))]
    log_p = np.empty((count, len(AMINO_ACIDS)))
    for places in hidden:
        (log_p[places],) = encoder.log_probabilities([molecule], [places])
    return encoded.rows.astype(np.float64), log_p
