"""Input of a network: residue rows of pairs, padded and masked, gathered without a loop.

Every distinct antibody and antigen is embedded once and kept in one contiguous pool; a batch is an
index into it. Row 0 of a pool is zero: padding points there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from abag.data.tables import Pairs
from abag.encoders.protocol import Encoder, Molecule, Role
from abag.encoders.service import Embeddings, embed
from abag.encoders.storage.quantise import Storage
from abag.encoders.storage.store import EmbeddingStore
from abag.errors import ModelError, counted
from abag.model.network.config import NetworkConfig, Pooling
from abag.model.network.regions import region_codes

Antibody = tuple[str | None, str | None]
Antigen = tuple[str, ...]

PADDING: Final = 1.1
"""A part of a batch is padded to at most so many times its residues."""
AT_ONCE: Final = 4_096
"""Most padded residues of a part: what a processor's caches hold."""


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs that go through a network at once."""

    antibody: Float[Tensor, "antibodies n antibody_width"]
    """Rows of the antibodies' residues; padding rows are zero."""
    antibody_mask: Bool[Tensor, "antibodies n"]
    """True for a residue."""
    regions: Int64[Tensor, "antibodies n"]
    """See :mod:`abag.model.network.regions`; 0 at padding."""
    antigen: Float[Tensor, "antigens m antigen_width"]
    """Rows of the antigens' residues; padding rows are zero."""
    antigen_mask: Bool[Tensor, "antigens m"]
    """True for a residue."""
    assay: Int64[Tensor, " pairs"]
    """0 for the absolute scale of pKd, k > 0 for the scale of assay k."""
    antibody_of: Int64[Tensor, " pairs"] | None = None
    """Antibody of each pair; None where pair i has antibody i."""
    antigen_of: Int64[Tensor, " pairs"] | None = None
    """Antigen of each pair; None where pair i has antigen i."""

    def __len__(self) -> int:
        return self.assay.shape[0]

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device; copies from pinned memory do not block."""
        tensors: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        moved = {n: t.to(device, non_blocking=True) for n, t in tensors.items() if t is not None}
        return type(self)(**moved)


@dataclass(frozen=True, slots=True)
class PairParts:
    """A batch in parts of like lengths, which are fused one after the other with less padding."""

    parts: tuple[PairBatch, ...]
    places: Int64[Tensor, " pairs"]
    """Where each pair stands among the pairs of all parts."""

    @property
    def assay(self) -> Int64[Tensor, " pairs"]:
        """See :class:`PairBatch`."""
        return torch.cat([part.assay for part in self.parts])[self.places]

    def __len__(self) -> int:
        return self.places.shape[0]

    def to(self, device: torch.device | str) -> Self:
        """The same batch on a device."""
        parts = tuple(part.to(device) for part in self.parts)
        return type(self)(parts, self.places.to(device))


@dataclass(frozen=True, slots=True)
class MoleculeRows:
    """Rows of many molecules, one after the other."""

    rows: Float[Tensor, "one_and_all_residues width"]
    """Row 0 is zero."""
    starts: Int64[Tensor, " molecules"]
    """First row of each."""
    lengths: Int64[Tensor, " molecules"]
    """Number of rows of each."""

    @classmethod
    def of(
        cls,
        lengths: NDArray[np.int64],
        width: int,
        rows: Callable[[int], NDArray[np.float32]],
        dtype: torch.dtype = torch.float32,
    ) -> Self:
        """Fill a pool from a function that gives the rows [length, width] of a molecule."""
        pool = torch.zeros(1 + int(lengths.sum()), width, dtype=dtype)
        starts = 1 + np.cumsum(lengths) - lengths
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            pool[start : start + length] = torch.from_numpy(rows(number))
        return cls(pool, torch.from_numpy(starts), torch.from_numpy(lengths))

    def places(
        self, molecules: Int64[Tensor, " molecules"]
    ) -> tuple[Int64[Tensor, "molecules longest"], Bool[Tensor, "molecules longest"]]:
        """Rows of the pool (0 at padding), and the mask of real ones."""
        lengths = self.lengths[molecules]
        offsets = torch.arange(int(lengths.max()), device=lengths.device)
        mask = offsets < lengths[:, None]
        return torch.where(mask, self.starts[molecules, None] + offsets, 0), mask

    def to(self, device: torch.device | str) -> Self:
        """The same pool on a device."""
        return type(self)(self.rows.to(device), self.starts.to(device), self.lengths.to(device))


Pool = Callable[[Sequence[Sequence[Molecule]], Encoder, Pooling], MoleculeRows]
"""Embeds lists of molecules: one entry for each list."""


@dataclass(frozen=True)
class PairFeatures:
    """The embeddings of a table's pairs, ready to be gathered into batches."""

    antibodies: MoleculeRows
    antigens: MoleculeRows
    regions: Int64[Tensor, " rows_of_antibodies"]
    """Region of each row of the antibodies' pool."""
    antibody_of: Int64[Tensor, " rows_of_table"]
    """Molecule in the antibodies' pool."""
    antigen_of: Int64[Tensor, " rows_of_table"]
    """Molecule in the antigens' pool."""
    lengths: NDArray[np.int64]
    """[rows of the table, 2]: rows of the antibody and of the antigen, for batches of like
    lengths (1 and 1 where both are pooled)."""

    @classmethod
    def of(
        cls,
        table: Pairs,
        antibody_encoder: Encoder,
        antigen_encoder: Encoder,
        config: NetworkConfig,
        store: EmbeddingStore | Path | None = None,
        pool: Pool | None = None,
    ) -> Self:
        """Embed the pairs of a table with ``heavy``, ``light`` and ``antigen``.

        Args:
            table: canonical rows; each distinct antibody and antigen chain is embedded once.
            antibody_encoder: for heavy and light chains.
            antigen_encoder: for antigen chains; the rows of several follow each other.
            config: whether residues or means are kept, and whether regions are numbered.
            store: where embeddings are looked up and kept. A bf16 store gives bf16 pools, which
                lose nothing more.
            pool: what embeds instead of encoder and store.

        Raises:
            SchemaError: a column is missing.
            ModelError: rows without a heavy chain or an antigen.
            EncoderError, SequenceError: from the encoders.
        """
        antibodies, antibody_of = _antibodies(table)
        antigens, antigen_of = _antigens(table)
        residues = config.antibody.pooling == "residues"
        codes = region_codes(antibodies) if residues and config.fusion.regions else None
        pool = pool or partial(_pool, store=store)
        antibody_pool = pool(
            [[Molecule(Role.ANTIBODY, tuple(c for c in pair if c))] for pair in antibodies],
            antibody_encoder, config.antibody.pooling,
        )  # fmt: skip
        antigen_pool = pool(
            [[Molecule(Role.ANTIGEN, (chain,)) for chain in chains] for chains in antigens],
            antigen_encoder, config.antigen.pooling,
        )  # fmt: skip
        regions = torch.zeros(len(antibody_pool.rows), dtype=torch.int64)
        if codes:
            regions[1:] = torch.from_numpy(np.concatenate(codes))
        pools = (antibody_pool, antibody_of), (antigen_pool, antigen_of)
        lengths = torch.stack([side.lengths.cpu()[molecules] for side, molecules in pools], dim=1)
        device = antibody_pool.rows.device
        return cls(
            antibody_pool, antigen_pool, regions.to(device), antibody_of.to(device),
            antigen_of.to(device), lengths.cpu().numpy(),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.lengths)

    def residues(self, row: int) -> int:
        """Rows of the antibody and the antigen of a pair together."""
        return int(self.lengths[row].sum())

    def batch(self, rows: Sequence[int], assay: Sequence[int] | None = None) -> PairBatch:
        """The pairs of some rows of the table, padded to the longest of them.

        A molecule of several rows is given once.

        Args:
            rows: of the table, in any order, with repeats; one or more.
            assay: code of each row's scale; by default all are absolute.
        """
        device = self.antibody_of.device
        chosen = torch.as_tensor(np.asarray(rows, dtype=np.int64), device=device)
        codes = np.zeros(len(rows), dtype=np.int64) if assay is None else np.asarray(assay)
        antibodies, antibody_of = _distinct(self.antibody_of[chosen])
        antigens, antigen_of = _distinct(self.antigen_of[chosen])
        antibody, antibody_mask = self.antibodies.places(antibodies)
        antigen, antigen_mask = self.antigens.places(antigens)
        return PairBatch(
            self.antibodies.rows[antibody],
            antibody_mask,
            self.regions[antibody],
            self.antigens.rows[antigen],
            antigen_mask,
            torch.as_tensor(codes, dtype=torch.int64, device=device),
            antibody_of,
            antigen_of,
        )

    def parts(
        self, rows: Sequence[int], assay: Sequence[int] | None = None
    ) -> PairBatch | PairParts:
        """The pairs of some rows as :meth:`batch`, in parts where that saves much padding."""
        chosen = np.asarray(rows, dtype=np.int64)
        codes = np.zeros(len(chosen), dtype=np.int64) if assay is None else np.asarray(assay)
        lengths = self.lengths[chosen]
        order = np.lexsort((lengths[:, 0], self.antigen_of[chosen].numpy(), lengths[:, 1]))
        ends = like_lengths(lengths[order])
        if len(ends) == 1:
            return self.batch(chosen.tolist(), codes.tolist())
        batches = tuple(
            self.batch(chosen[part].tolist(), codes[part].tolist())
            for part in np.split(order, ends[:-1])
        )
        return PairParts(batches, torch.from_numpy(np.argsort(order)))

    def to(self, device: torch.device | str) -> Self:
        """The same features with their pools on a device, where batches are then gathered."""
        return type(self)(
            self.antibodies.to(device),
            self.antigens.to(device),
            self.regions.to(device),
            self.antibody_of.to(device),
            self.antigen_of.to(device),
            self.lengths,
        )

    @property
    def nbytes(self) -> int:
        """Memory of the two pools."""
        return sum(p.rows.numel() * p.rows.element_size() for p in (self.antibodies, self.antigens))


def like_lengths(lengths: NDArray[np.int64]) -> list[int]:
    """Ends of the parts of pairs of sorted lengths [pairs, 2], each with little padding."""
    ends: list[int] = []
    start, longest, real = 0, np.zeros(2, dtype=np.int64), 0
    for index, pair in enumerate(lengths):
        longest, real = np.maximum(longest, pair), real + pair.sum()
        padded = (index + 1 - start) * longest.sum()
        if index > start and (padded > PADDING * real or padded > AT_ONCE):
            ends.append(index)
            start, longest, real = index, pair, pair.sum()
    return [*ends, len(lengths)]


def _distinct(
    molecules: Int64[Tensor, " pairs"],
) -> tuple[Int64[Tensor, " distinct"], Int64[Tensor, " pairs"] | None]:
    """Distinct molecules, and which of them each pair has; None where all are distinct."""
    distinct, index_of = torch.unique(molecules, return_inverse=True)
    return (molecules, None) if len(distinct) == len(molecules) else (distinct, index_of)


def _antibodies(table: Pairs) -> tuple[list[Antibody], Int64[Tensor, " rows"]]:
    missing = table.filter(pl.col("heavy").fill_null("") == "").height
    if missing:
        raise ModelError(f"{counted(missing, 'row')} of {table.height} have no heavy chain")
    index: dict[Antibody, int] = {}
    rows = [
        index.setdefault((heavy.upper(), light.upper() if light else None), len(index))
        for heavy, light in table.select("heavy", "light").iter_rows()
    ]
    return list(index), torch.tensor(rows, dtype=torch.int64)


def _antigens(table: Pairs) -> tuple[list[Antigen], Int64[Tensor, " rows"]]:
    missing = table.filter(pl.col("antigen").list.len().fill_null(0) == 0).height
    if missing:
        raise ModelError(
            f"{counted(missing, 'row')} of {table.height} have no antigen, which a network reads"
        )
    index: dict[Antigen, int] = {}
    rows = [
        index.setdefault(tuple(chain.upper() for chain in chains), len(index))
        for chains in table["antigen"].to_list()
    ]
    return list(index), torch.tensor(rows, dtype=torch.int64)


def _pool(
    parts: Sequence[Sequence[Molecule]],
    encoder: Encoder,
    pooling: Pooling,
    store: EmbeddingStore | Path | None,
) -> MoleculeRows:
    """A pool with one entry for each list of molecules, whose rows follow each other."""
    room = _room(store, encoder)
    flat = [molecule for group in parts for molecule in group]
    rows = embed(flat, encoder, room)
    ends = np.cumsum([len(group) for group in parts])

    def joined(number: int) -> NDArray[np.float32]:
        return _rows_one_after_another(rows, range(ends[number] - len(parts[number]), ends[number]))

    width = encoder.facts.width
    if pooling == "mean":
        ones = np.ones(len(parts), dtype=np.int64)
        return MoleculeRows.of(ones, width, lambda place: _mean(joined(place)))
    lengths = np.array([sum(m.residues for m in group) for group in parts], dtype=np.int64)
    stored_bf16 = room is not None and room.storage is Storage.BF16
    return MoleculeRows.of(lengths, width, joined, torch.bfloat16 if stored_bf16 else torch.float32)


def _rows_one_after_another(rows: Embeddings, numbers: range) -> NDArray[np.float32]:
    parts = [rows[place] for place in numbers]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _mean(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    mean: NDArray[np.float64] = rows.mean(axis=0, keepdims=True, dtype=np.float64)
    return mean.astype(np.float32)


def _room(store: EmbeddingStore | Path | None, encoder: Encoder) -> EmbeddingStore | None:
    """The encoder's room of a store that may have been opened for another encoder."""
    if store is None:
        return None
    if isinstance(store, Path):
        return EmbeddingStore.for_encoder(store, encoder)
    if store.identity == encoder.identity:
        return store
    return EmbeddingStore.for_encoder(store.folder, encoder, store.storage)
