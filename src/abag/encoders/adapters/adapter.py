"""From molecules to residue rows through any transformer: tokens, guard, forward, rows.

What is special to a family of models (loading, tokenizer, call of the network) is handed in; what
must be right for all of them (order of chains, masks, windows, no special token among the rows)
is here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from abag.encoders.adapters.windows import Segment, segments
from abag.encoders.guard import TokenGuard, Vocabulary, assembled, require_roles, template_ids
from abag.encoders.input_rules import PREPROCESSING, InputRule
from abag.encoders.protocol import (
    EncodedMolecule,
    EncoderFacts,
    EncoderIdentity,
    LongChain,
    MaskedEncoder,
    Molecule,
    Role,
)
from abag.errors import EncoderError

Forward = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(network, ids [rows, tokens], mask [rows, tokens]) -> hidden states [rows, tokens, width]."""


@dataclass(frozen=True, slots=True)
class MaskedHead:
    """What predicts hidden residues from a network's last states."""

    mask_id: int
    residue_ids: NDArray[np.int64]
    """Ids of the twenty residues in the order of ``AMINO_ACIDS``, shape (20,)."""
    logits: Callable[[nn.Module, Tensor, Tensor], Tensor]
    """(network, states [residues, width], first token of each residue's row [residues]) ->
    logits [residues, vocabulary]."""


class EncoderParts(NamedTuple):
    """What is special to a model, as its loader gives it."""

    facts: EncoderFacts
    """With the revision that was loaded."""
    rule: InputRule
    vocabulary: Vocabulary
    network: nn.Module
    """In the precision that it is to run in."""
    forward: Forward
    base_names: tuple[str, ...] = ()
    """Other names of the base model that an adapter may have been made for."""
    head: MaskedHead | None = None
    """For models that predict hidden residues."""


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Padded token ids of a batch and where each residue of each molecule stands in it."""

    ids: NDArray[np.int64]
    """[rows, tokens], padded at the end."""
    mask: NDArray[np.bool_]
    """[rows, tokens]: True for tokens, special ones included; False for padding."""
    row: NDArray[np.int64]
    """[residues of all molecules]: the batch row of each residue."""
    column: NDArray[np.int64]
    """[residues of all molecules]: the token of each residue within its row."""
    lengths: tuple[int, ...]
    """Number of residues of each molecule; they follow each other in ``row`` and ``column``."""
    windowed: tuple[bool, ...]
    """Whether each molecule was longer than the limit and was read in parts."""


class NetworkEncoder(ABC):
    """An encoder whose network is a torch module; satisfies the ``Encoder`` protocol.

    Not to be shared between threads: the network and its adapter belong to one object.
    """

    network: nn.Module
    pad_id: int
    """Token that fills a shorter row of a batch."""

    def __init__(
        self,
        facts: EncoderFacts,
        rule: InputRule,
        *,
        precision: str,
        long: LongChain,
        base_names: Sequence[str] = (),
    ) -> None:
        self.facts: EncoderFacts = facts
        self.rule = rule
        self.precision = precision
        self.long = long
        self.base_names = (facts.id, *base_names)
        """Names of the base model that an adapter may have been made for."""
        self.adapter_digest: Callable[[], str] = str
        """Gives the digest of the LoRA adapter; the empty text without one."""

    @property
    def identity(self) -> EncoderIdentity:
        """What enters the key of a stored embedding."""
        return EncoderIdentity(
            id=self.facts.id,
            revision=self.facts.revision,
            adapter_digest=self.adapter_digest(),
            precision=self.precision,
            preprocessing=PREPROCESSING,
        )

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def device_type(self) -> str:
        """Kind of device, such as ``cpu`` or ``cuda``."""
        return self.device.type

    @property
    def masked(self) -> MaskedEncoder | None:
        """The encoder itself; None where it predicts no hidden residues."""
        return self

    @property
    def trainable(self) -> NetworkEncoder:
        """The encoder itself."""
        return self

    @abstractmethod
    def read(
        self, parts: Sequence[tuple[Role, Segment]]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Token ids of what goes through the network at once, and the token of each residue."""

    @abstractmethod
    def states(
        self, ids: Int64[Tensor, "rows tokens"], mask: Bool[Tensor, "rows tokens"]
    ) -> Float[Tensor, "rows tokens width"]:
        """Hidden states of the last layer; ``mask`` is False at padding."""

    @abstractmethod
    def hidden_logits(
        self,
        states: Float[Tensor, "hidden width"],
        starts: Int64[Tensor, " hidden"],
        counts: Sequence[int],
    ) -> Float[Tensor, "hidden 20"]:
        """Logits of the residues that were hidden.

        Args:
            states: of the hidden residues of all molecules.
            starts: first token of each one's row.
            counts: hidden residues of each molecule.
        """

    def tokens(self, molecules: Sequence[Molecule]) -> TokenBatch:
        """Token ids of a batch.

        Raises:
            EncoderError: for a role the encoder does not take, or tokens that are not the
                residues.
            SequenceError: for a molecule beyond the limit where long chains are refused.
        """
        require_roles(self.facts, molecules)
        cut = [segments(m, self.rule, self.facts.max_residues, self.long) for m in molecules]
        parts = [
            (m.role, part)
            for m, own_segments in zip(molecules, cut, strict=True)
            for part in own_segments
        ]
        tokenised = self.read(parts)
        columns = [
            places[part.skip : part.skip + part.keep]
            for (_, part), (_, places) in zip(parts, tokenised, strict=True)
        ]
        ids, mask = padded([ids for ids, _ in tokenised], self.pad_id)
        return TokenBatch(
            ids,
            mask,
            row=np.repeat(np.arange(len(parts)), [len(places) for places in columns]),
            column=np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64),
            lengths=tuple(m.residues for m in molecules),
            windowed=tuple(any(part.windowed for part in own_segments) for own_segments in cut),
        )

    def hidden(self, batch: TokenBatch) -> Float[Tensor, "all_residues width"]:
        """Rows of all molecules of a batch, one after the other, with gradients in training."""
        device = self.device
        states = self.states(
            torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device)
        )
        row = torch.from_numpy(batch.row).to(device)
        return states[row, torch.from_numpy(batch.column).to(device)]

    def embed(
        self, molecules: Sequence[Molecule]
    ) -> tuple[Float[Tensor, "molecules residues width"], Bool[Tensor, "molecules residues"]]:
        """For training: rows in fp32, and a mask that is True for a residue.

        Padding rows are zero. Gradients flow to whatever of the network is not frozen, such as an
        adapter.
        """
        batch = self.tokens(molecules)
        parts = torch.split(self.hidden(batch).float(), list(batch.lengths))
        rows = nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
        lengths = torch.tensor(batch.lengths, device=rows.device)
        mask = torch.arange(rows.shape[1], device=rows.device)[None, :] < lengths[:, None]
        return rows, mask

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        """One batch, padded inside; results in the order given, the same in any batch.

        Raises:
            EncoderError, SequenceError: see :meth:`tokens`.
        """
        if not molecules:
            return []
        batch = self.tokens(molecules)
        training = self.network.training
        self.network.eval()
        try:
            with torch.inference_mode():
                flat = self.hidden(batch).cpu().float().numpy()
        finally:
            self.network.train(training)
        ends = np.cumsum(batch.lengths)
        return [
            EncodedMolecule(np.ascontiguousarray(flat[end - length : end]), windowed)
            for end, length, windowed in zip(ends, batch.lengths, batch.windowed, strict=True)
        ]

    def log_probabilities(
        self, molecules: Sequence[Molecule], hidden: Sequence[NDArray[np.intp]]
    ) -> list[NDArray[np.float64]]:
        """Log-probabilities of the twenty residues where some are hidden; see ``MaskedEncoder``.

        Raises:
            EncoderError: for an encoder that predicts no residues.
        """
        batch, counts = self.tokens(molecules), [len(places) for places in hidden]
        firsts = np.cumsum([0, *batch.lengths[:-1]])
        residues = np.concatenate(
            [first + places for first, places in zip(firsts, hidden, strict=True)]
        )
        batch.ids[batch.row[residues], batch.column[residues]] = self.mask_id
        with torch.inference_mode():
            states = self.hidden(batch)[torch.from_numpy(residues).to(self.device)]
            starts = torch.from_numpy(batch.ids[batch.row[residues], 0]).to(self.device)
            logits = self.hidden_logits(states, starts, counts)
            rows = logits.double().log_softmax(-1).cpu().numpy()
        return np.split(rows, np.cumsum(counts)[:-1])

    @property
    @abstractmethod
    def mask_id(self) -> int:
        """Token that hides a residue; EncoderError where the encoder predicts none."""


class TransformerEncoder(NetworkEncoder):
    """Any published transformer; its tokens are read back and checked on every batch."""

    def __init__(
        self,
        parts: EncoderParts,
        *,
        precision: str = "fp32",
        long: LongChain = LongChain.WINDOWS,
    ) -> None:
        """Prove rule and tokenizer, then keep everything.

        Args:
            parts: what is special to the model; its network on the device it is to run on.
            precision: ``fp32`` or ``bf16``.
            long: what to do with molecules longer than ``facts.max_residues``.

        Raises:
            EncoderError: where the tokenizer does not read chains as the rule says.
        """
        facts, rule, vocabulary, network, forward, base_names, head = parts
        super().__init__(facts, rule, precision=precision, long=long, base_names=base_names)
        self.vocabulary, self.pad_id = vocabulary, vocabulary.pad_id
        self.network = network.eval()
        self._forward = forward
        self._head = head
        self._guard = TokenGuard(facts.id, rule, vocabulary)
        self._guard.prove()
        self._specials = template_ids(rule, vocabulary)
        self._table = self._guard.residue_table()

    def read(
        self, parts: Sequence[tuple[Role, Segment]]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Token ids, checked by the guard, and the token of each residue."""
        tokenised = [self._tokenised(part) for _, part in parts]
        self._guard.check_batch([part for _, part in parts], [ids for ids, _ in tokenised])
        return tokenised

    def states(
        self, ids: Int64[Tensor, "rows tokens"], mask: Bool[Tensor, "rows tokens"]
    ) -> Float[Tensor, "rows tokens width"]:
        """Hidden states of the last layer."""
        return self._forward(self.network, ids, mask)

    @property
    def masked(self) -> MaskedEncoder | None:
        """The encoder itself; None where it is read without a head."""
        return None if self._head is None else self

    @property
    def head(self) -> MaskedHead:
        """What predicts hidden residues; EncoderError where there is none."""
        if self._head is None:
            raise EncoderError(
                f"{self.facts.id} is read without a head that predicts hidden residues; "
                f"antiberty, sapiens and builtin have one"
            )
        return self._head

    @property
    def mask_id(self) -> int:
        """Token that hides a residue."""
        return self.head.mask_id

    def hidden_logits(
        self,
        states: Float[Tensor, "hidden width"],
        starts: Int64[Tensor, " hidden"],
        counts: Sequence[int],
    ) -> Float[Tensor, "hidden 20"]:
        """Logits of the hidden residues of all molecules at once."""
        del counts
        return self.head.logits(self.network, states, starts)[:, self.head.residue_ids]

    def _tokenised(self, part: Segment) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        chains = []
        for letters in part.chains:
            ids = self._ids(letters)
            self._guard.check_chain(letters, ids)
            chains.append(ids)
        template = self.rule.template(len(chains), light=part.light)
        return assembled(template, self._specials, chains)

    def _ids(self, letters: str) -> NDArray[np.int64]:
        if self._table is not None:
            ids = self._table[np.frombuffer(letters.encode("ascii"), dtype=np.uint8)]
            if (ids >= 0).all():
                return ids
        return self.vocabulary.ids(self.rule.text(letters))


def padded(
    rows: Sequence[NDArray[np.int64]], pad_id: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows padded at the end to the longest: ids and mask, each ``[rows, tokens]``."""
    longest = max((len(row) for row in rows), default=0)
    ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.bool_)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = True
    return ids, mask
