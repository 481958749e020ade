"""From molecules to residue rows through any transformer: tokens, guard, forward, rows.

What is special to a family of models (loading, tokenizer, call of the network) is handed in; what
must be right for all of them (order of chains, masks, windows, no special token among the rows)
is here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Bool, Float
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
    Molecule,
)
from abag.errors import EncoderError, OptionError, UnavailableError, counted

PRECISIONS: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""Arithmetic that may be asked for. Half precision (fp16) is not offered: T5 overflows in it."""

Forward = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(network, ids [rows, tokens], mask [rows, tokens]) -> hidden states [rows, tokens, width]."""


@dataclass(frozen=True, slots=True)
class MaskedHead:
    """What foretells hidden residues from a network's last states."""

    mask_id: int
    residue_ids: NDArray[np.int64]
    """Ids of the twenty residues in the order of ``AMINO_ACIDS``, shape (20,)."""
    logits: Callable[[nn.Module, Tensor, Tensor], Tensor]
    """(network, states [residues, width], first token of each residue's row [residues]) ->
    logits [residues, vocabulary]."""


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

    @property
    def residue_mask(self) -> NDArray[np.bool_]:
        """[rows, tokens]: True where a residue stands whose row is kept."""
        kept = np.zeros(self.ids.shape, dtype=np.bool_)
        kept[self.row, self.column] = True
        return kept


class TransformerEncoder:
    """An encoder whose network is a torch module; satisfies the ``Encoder`` protocol.

    Not to be shared between threads: the network and its adapter belong to one object.
    """

    def __init__(
        self,
        facts: EncoderFacts,
        rule: InputRule,
        vocabulary: Vocabulary,
        network: nn.Module,
        forward: Forward,
        *,
        precision: str = "fp32",
        long: LongChain = LongChain.WINDOWS,
        base_names: Sequence[str] = (),
        head: MaskedHead | None = None,
    ) -> None:
        """Prove rule and tokenizer, then keep everything.

        Args:
            facts: with the revision that was loaded.
            rule: how chains are written.
            vocabulary: the tokenizer.
            network: in the precision and on the device it is to run on.
            forward: how the network is called.
            precision: ``fp32`` or ``bf16``.
            long: what to do with molecules longer than ``facts.max_residues``.
            base_names: other names of the base model that an adapter may have been made for.
            head: for models that foretell hidden residues.

        Raises:
            EncoderError: where the tokenizer does not read chains as the rule says.
        """
        self.facts: EncoderFacts = facts
        self.rule = rule
        self.vocabulary = vocabulary
        self.network = network.eval()
        self.precision = precision
        self.long = long
        self.base_names = (facts.id, *base_names)
        self.adapter_digest: Callable[[], str] = str
        """Gives the digest of the LoRA adapter; the empty text without one."""
        self._forward = forward
        self._head = head
        self._guard = TokenGuard(facts.id, rule, vocabulary)
        self._guard.prove()
        self._specials = template_ids(rule, vocabulary)
        self._table = self._guard.residue_table()

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

    def token_count(self, molecule: Molecule) -> int:
        """Tokens that a molecule costs, special tokens and overlaps included."""
        return sum(
            part.residues + self.rule.specials(len(part.chains), light=part.light)
            for part in segments(molecule, self.rule, self.facts.max_residues, self.long)
        )

    def tokens(self, molecules: Sequence[Molecule]) -> TokenBatch:
        """Token ids of a batch, checked by the guard.

        Raises:
            EncoderError: for a role the encoder does not take, or tokens that are not the
                residues.
            SequenceError: for a molecule beyond the limit where long chains are refused.
        """
        require_roles(self.facts, molecules)
        cut = [segments(m, self.rule, self.facts.max_residues, self.long) for m in molecules]
        parts = [part for of_molecule in cut for part in of_molecule]
        rows, kept = [], []
        for part in parts:
            ids, places = self._tokenised(part)
            rows.append(ids)
            kept.append(places[part.skip : part.skip + part.keep])
        self._guard.check_batch(parts, rows)
        ids, mask = padded(rows, self.vocabulary.pad_id)
        return TokenBatch(
            ids,
            mask,
            row=np.repeat(np.arange(len(parts)), [len(places) for places in kept]),
            column=np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64),
            lengths=tuple(m.residues for m in molecules),
            windowed=tuple(any(part.windowed for part in of_molecule) for of_molecule in cut),
        )

    def hidden(self, batch: TokenBatch) -> Float[Tensor, "all_residues width"]:
        """Rows of all molecules of a batch, one after the other, with gradients where wanted."""
        device = self.device
        states = self._forward(
            self.network,
            torch.from_numpy(batch.ids).to(device),
            torch.from_numpy(batch.mask).to(device),
        )
        row = torch.from_numpy(batch.row).to(device)
        return states[row, torch.from_numpy(batch.column).to(device)]

    def embed(
        self, molecules: Sequence[Molecule]
    ) -> tuple[Float[Tensor, "molecules residues width"], Bool[Tensor, "molecules residues"]]:
        """For training: rows, and a mask that is True for a residue.

        Padding rows are zero. Gradients flow to whatever of the network is not frozen.
        """
        batch = self.tokens(molecules)
        parts = torch.split(self.hidden(batch), list(batch.lengths))
        rows = nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
        lengths = torch.tensor(batch.lengths, device=rows.device)
        mask = torch.arange(rows.shape[1], device=rows.device)[None, :] < lengths[:, None]
        return rows, mask

    def encode(self, molecules: Sequence[Molecule]) -> list[EncodedMolecule]:
        """One batch, padded inside; results in the order given, the same in any batch.

        Raises:
            EncoderError: for a role the encoder does not take, or tokens that are not the
                residues.
            SequenceError: for a molecule beyond the limit where long chains are refused.
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
            EncoderError: for an encoder without a head that foretells residues.
        """
        head = self._head
        if head is None:
            raise EncoderError(
                f"{self.facts.id} is read without a head that foretells hidden residues; "
                f"antiberty, sapiens and builtin have one"
            )
        batch = self.tokens(molecules)
        firsts = np.cumsum([0, *batch.lengths[:-1]])
        at = np.concatenate([first + places for first, places in zip(firsts, hidden, strict=True)])
        batch.ids[batch.row[at], batch.column[at]] = head.mask_id
        with torch.inference_mode():
            states = self.hidden(batch)[torch.from_numpy(at).to(self.device)]
            starts = torch.from_numpy(batch.ids[batch.row[at], 0]).to(self.device)
            logits = head.logits(self.network, states, starts)[:, head.residue_ids]
            rows = logits.double().log_softmax(-1).cpu().numpy()
        return np.split(rows, np.cumsum([len(places) for places in hidden])[:-1])

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


def chosen_device(device: str) -> torch.device:
    """``auto`` means the first CUDA device where there is one, else the processor.

    Raises:
        OptionError: for a name that is no device.
        UnavailableError: for a CUDA device that is not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen: torch.device | None
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda", "mps"):
        raise OptionError(f"{device!r} is no device; give auto, cpu, cuda, cuda:0 and so on")
    if chosen.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if count <= (chosen.index or 0):
            raise UnavailableError(
                f"there is no device {device}: PyTorch sees {counted(count, 'CUDA device')}; "
                f"give auto or cpu"
            )
    return chosen


def chosen_precision(precision: str, device: torch.device) -> str:
    """``auto`` means bf16 where the hardware has matrix units for it, else fp32.

    These are CUDA devices with bf16 and processors with AMX, where it is about twice as fast.

    Raises:
        EncoderError: for anything but auto, fp32 and bf16.
    """
    if precision == "auto":
        return "bf16" if _has_bf16_units(device) else "fp32"
    if precision not in PRECISIONS:
        raise EncoderError(
            f"there is no precision {precision!r}; choose auto, {' or '.join(PRECISIONS)}"
        )
    return precision


def _has_bf16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases of torch cannot tell; they get fp32.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(capabilities.get("amx_bf16", False))
