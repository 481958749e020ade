"""Embeddings of molecules: ask the store, encode what is missing, write back.

Chains are encoded one by one where that is the same: an encoder that reads chains one by one
(``facts.paired`` is false) gets the distinct heavy and light chains, not the distinct pairs, so a
library of heavy chains with one light chain encodes that light chain once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag import progress as bars
from abag.encoders.batching import distinct, plan_batches, require_budget
from abag.encoders.memory import MemoryLimit, encode_within
from abag.encoders.protocol import EncodedMolecule, Encoder, Molecule
from abag.encoders.storage.store import EmbeddingStore, molecule_key
from abag.encoders.storage.store_writer import writer_of
from abag.encoders.workers import Workers
from abag.errors import EncoderError

BUDGET_CPU: Final = 2_048
"""Padded residues in a batch on a processor: enough to fill it, small enough for its caches."""
BUDGET_GPU: Final = 65_536
"""Padded residues in a batch on a GPU; halved where the memory does not hold them."""


@dataclass(frozen=True)
class Embeddings(Sequence[NDArray[np.float32]]):
    """Residue rows [residues, width] in the order of the molecules given, read when they are used.

    With a store, rows come from its memory map each time; without one, from memory.
    """

    molecules: tuple[Molecule, ...]
    """In the order given, repeats included."""
    width: int
    encoded: int
    """Distinct molecules (or chains) that were encoded for this."""
    from_store: int
    """Distinct molecules (or chains) that the store had."""
    _parts: tuple[tuple[str, ...], ...]
    """Keys of what each molecule consists of."""
    _rows: Callable[[str], NDArray[np.float32]]
    _windowed: Callable[[str], bool]

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> NDArray[np.float32]:  # type: ignore[override]
        """Rows of one molecule, in fp32; chains follow each other in their order."""
        rows = [self._rows(key) for key in self._parts[index]]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def windowed(self, index: int) -> bool:
        """Whether overlapping windows were joined because the molecule is longer than the limit."""
        return any(self._windowed(key) for key in self._parts[index])


def embed(
    molecules: Sequence[Molecule],
    encoder: Encoder | Sequence[Encoder],
    store: EmbeddingStore | None = None,
    *,
    budget: int | None = None,
    workers: Workers | None = None,
) -> Embeddings:
    """Residue embeddings of molecules, each distinct one encoded once.

    Args:
        molecules: in any order, with repeats.
        encoder: one, or several of one identity on devices of their own (a thread each).
        store: where embeddings are looked up and kept; without one they are held in memory.
        budget: padded residues in a batch; by default what suits the device. It moves no result
            by more than 1e-5 (fp32).
        workers: who encodes instead of this process; ``encoder`` then gives identity and budget.

    Raises:
        EncoderError: for a store of another encoder, encoders that differ, or rows that are not
            finite or of another shape than [residues, width].
        OptionError: for a budget below 1.
        SequenceError: from the encoder, such as for a molecule that it refuses.
        UnavailableError: where another process writes the store, or the memory does not hold
            one molecule.
    """
    require_budget(budget)
    encoders = [encoder] if not isinstance(encoder, Sequence) else list(encoder)
    _require_one_identity(encoders, store)
    facts = encoders[0].facts
    pieces = [_pieces(molecule, facts.paired) for molecule in molecules]
    wanted, _ = distinct([piece for parts_of_one in pieces for piece in parts_of_one])
    keys = {piece: molecule_key(piece) for piece in wanted}
    parts = tuple(tuple(keys[piece] for piece in parts_of_one) for parts_of_one in pieces)
    run = _Run(encoders, budget or _default_budget(encoders[0]), workers)
    if store is None:
        in_memory = {keys[piece]: encoded for piece, encoded in run.encode(wanted)}
        return Embeddings(
            tuple(molecules), facts.width, len(wanted), 0, parts,
            lambda key: in_memory[key].rows, lambda key: in_memory[key].windowed,
        )  # fmt: skip
    store.refresh()
    new = sum(not store.has(keys[piece]) for piece in wanted)
    if new:
        with writer_of(store) as writer:
            # Looked up again: another process may have written until the lock was ours.
            missing = [piece for piece in wanted if not store.has(keys[piece])]
            for piece, encoded in run.encode(missing):
                writer.add(piece, encoded)
    from_store = len(wanted) - new
    return Embeddings(
        tuple(molecules), facts.width, new, from_store, parts, store.rows, store.windowed
    )


def _pieces(molecule: Molecule, paired: bool) -> tuple[Molecule, ...]:
    """What is encoded of a molecule: itself, or its chains one by one; always in upper case."""
    chains = tuple(chain.upper() for chain in molecule.chains)
    if paired or len(chains) == 1:
        return (Molecule(molecule.role, chains),)
    return tuple(Molecule(molecule.role, (chain,)) for chain in chains)


def _require_one_identity(encoders: Sequence[Encoder], store: EmbeddingStore | None) -> None:
    if not encoders:
        raise EncoderError("no encoder was given")
    first = encoders[0].identity
    for encoder in encoders[1:]:
        if encoder.identity != first:
            raise EncoderError(f"the encoders differ: {first} and {encoder.identity}")
    if store is None:
        return
    if store.identity != first:
        raise EncoderError(
            f"the store {store.room} is for {store.identity}, this encoder is {first}; open it "
            f"with EmbeddingStore.for_encoder"
        )
    if store.width != encoders[0].facts.width:
        raise EncoderError(
            f"the store {store.room} holds rows of width {store.width}, {first.id} gives "
            f"{encoders[0].facts.width}"
        )


def _default_budget(encoder: Encoder) -> int:
    # An encoder of the user's own need not derive from Encoder.
    return BUDGET_CPU if getattr(encoder, "device_type", "cpu") == "cpu" else BUDGET_GPU


@dataclass(frozen=True)
class _Run:
    """Encoding of distinct molecules on one or several devices."""

    encoders: Sequence[Encoder]
    budget: int
    workers: Workers | None = None

    def encode(self, molecules: Sequence[Molecule]) -> Iterator[tuple[Molecule, EncodedMolecule]]:
        """Yield every molecule with its rows, in an order that depends on the molecules alone."""
        if not molecules:
            return
        batches = [
            [molecules[index] for index in batch]
            for batch in plan_batches([m.residues for m in molecules], self.budget)
        ]
        name = self.encoders[0].identity.id
        encoded_residues, began = 0, time.monotonic()
        with bars.task(f"encode {name}", sum(m.residues for m in molecules)) as bar:
            for batch, results in self._batches(batches):
                residues = sum(molecule.residues for molecule in batch)
                encoded_residues += residues
                rate = encoded_residues / max(time.monotonic() - began, 1e-9)
                bar.describe(f"encode {name}, {rate:,.0f} residues/s")
                bar.advance(residues)
                yield from zip(batch, results, strict=True)

    def _batches(
        self, batches: Sequence[list[Molecule]]
    ) -> Iterator[tuple[list[Molecule], list[EncodedMolecule]]]:
        """Run batches on the encoders, a thread each; give them back in their order.

        With one encoder, too, a batch is computed while the one before is packed and written.
        """
        if self.workers is not None:
            encoded = self.workers.encode(self.encoders[0].identity, batches)
            yield from zip(batches, encoded, strict=True)
            return
        free: SimpleQueue[tuple[Encoder, MemoryLimit]] = SimpleQueue()
        for encoder in self.encoders:
            free.put((encoder, MemoryLimit()))

        def work(batch: list[Molecule]) -> list[EncodedMolecule]:
            encoder, limit = free.get()
            try:
                return encode_within(encoder, batch, limit)
            finally:
                free.put((encoder, limit))

        ahead: deque[tuple[list[Molecule], Future[list[EncodedMolecule]]]] = deque()
        pool = ThreadPoolExecutor(len(self.encoders), thread_name_prefix="encode")
        try:
            for batch in batches:
                ahead.append((batch, pool.submit(work, batch)))
                if len(ahead) > 2 * len(self.encoders):
                    first, future = ahead.popleft()
                    yield first, future.result()
            while ahead:
                first, future = ahead.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
