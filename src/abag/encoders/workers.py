"""Batches that an engine encodes: by processes of this machine, or on the nodes of a Ray cluster.

A worker opens the encoder once. Which molecules are one batch, and the order of what is stored, do
not depend on who encodes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from abag.encoders.adapters.opening import open_encoder
from abag.encoders.devices import compile_network
from abag.encoders.memory import MemoryLimit, encode_within
from abag.encoders.protocol import EncodedMolecule, Encoder, EncoderIdentity, LongChain, Molecule
from abag.engines import Engine, Work
from abag.errors import EncoderError


@dataclass(frozen=True)
class EncoderChoice:
    """The encoder that a user chose, as plain values; any worker can open it."""

    name: str
    long: LongChain
    compiled: bool
    origin: tuple[tuple[str, Any], ...]
    """Further options of :func:`abag.encoders.adapters.opening.open_encoder`."""

    def open(self, device: str) -> Encoder:
        """The encoder on a device, ready to encode."""
        encoder = open_encoder(self.name, device=device, long=self.long, **dict(self.origin))
        if self.compiled:
            compile_network(encoder)
        return encoder


@dataclass(frozen=True)
class Workers:
    """An engine, and what its workers open."""

    engine: Engine
    choice: EncoderChoice
    device: str

    def encode(
        self, identity: EncoderIdentity, batches: Sequence[Sequence[Molecule]]
    ) -> Iterator[list[EncodedMolecule]]:
        """The embeddings of each batch, in the order of the batches.

        Raises:
            EncoderError: the encoder that a worker opens is another than ``identity``.
            UnavailableError: the engine cannot be had, or its workers end again and again.
        """
        work = Work(_FUNCTION, _Opened(self.choice, self.device, identity))
        ahead: dict[int, list[EncodedMolecule]] = {}
        next_number = 0
        for number, encoded in self.engine.answers(work, batches):
            ahead[number] = encoded
            while next_number in ahead:
                yield ahead.pop(next_number)
                next_number += 1


@dataclass(frozen=True)
class _Opened:
    """What all batches share."""

    choice: EncoderChoice
    device: str
    identity: EncoderIdentity


def encode_batch(shared: _Opened, batch: Sequence[Molecule]) -> list[EncodedMolecule]:
    """Encode one batch in a worker."""
    encoder, limit = _of_this_worker(shared)
    return encode_within(encoder, batch, limit)


@lru_cache(maxsize=1)
def _of_this_worker(shared: _Opened) -> tuple[Encoder, MemoryLimit]:
    encoder = shared.choice.open(shared.device)
    if encoder.identity != shared.identity:
        raise EncoderError(
            f"a worker opened {encoder.identity}, and {shared.identity} is asked for; give all "
            "nodes the same files (--folder, or one cache of the hub)"
        )
    return encoder, MemoryLimit()


_FUNCTION: Final = "abag.encoders.workers:encode_batch"
