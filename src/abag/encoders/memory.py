"""Encoding a batch in the memory there is: what does not fit is halved, and that is remembered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from abag.encoders.protocol import EncodedMolecule, Encoder, Molecule
from abag.errors import EncoderError, UnavailableError


@dataclass
class MemoryLimit:
    """Padded residues that a device holds, as far as is known; lowered when memory ran out."""

    padded: int | None = None


def encode_within(
    encoder: Encoder, batch: Sequence[Molecule], limit: MemoryLimit
) -> list[EncodedMolecule]:
    """Encode a batch, in halves where the memory does not hold it.

    Raises:
        UnavailableError: where it does not hold a single molecule.
        EncoderError: for rows that are not finite, or of another shape than [residues, width].
    """
    padded = len(batch) * max(molecule.residues for molecule in batch)
    if limit.padded is None or padded <= limit.padded or len(batch) == 1:
        try:
            return _checked(encoder, batch, encoder.encode(batch))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: the traceback no longer holds the tensors of the failed batch.
        if len(batch) == 1:
            raise UnavailableError(
                f"the memory does not hold one molecule of {padded} residues in "
                f"{encoder.identity.id}; take bf16, a smaller encoder, or another device"
            )
        limit.padded = padded // 2
        _empty_cache()
    half = (len(batch) + 1) // 2
    return [
        *encode_within(encoder, batch[:half], limit),
        *encode_within(encoder, batch[half:], limit),
    ]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out (torch on any device, or numpy)."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def _checked(
    encoder: Encoder, batch: Sequence[Molecule], results: list[EncodedMolecule]
) -> list[EncodedMolecule]:
    name, width = encoder.identity.id, encoder.facts.width
    if len(results) != len(batch):
        raise EncoderError(f"{name} gave {len(results)} embeddings for {len(batch)} molecules")
    for molecule, encoded in zip(batch, results, strict=True):
        encoded.require(molecule, width, name)
    return results


def _empty_cache() -> None:
    torch = sys.modules.get("torch")  # an encoder may do without
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
