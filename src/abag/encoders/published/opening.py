"""AntiBERTy and Sapiens as encoders, from the weights that were fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from abag.encoders.adapters.adapter import EncoderParts, MaskedHead
from abag.encoders.adapters.catalogue import CatalogueEntry
from abag.encoders.adapters.huggingface import NEEDS_TRANSFORMERS
from abag.encoders.input_rules import rule_named
from abag.encoders.published.letters import antiberty_vocabulary, sapiens_vocabulary
from abag.encoders.published.wheels import WHEELS, fetched_tensors
from abag.errors import EncoderError, installed

_START: Final = 0
"""Sapiens' id of ``<s>``."""


def load_published(
    entry: CatalogueEntry, folder: Path | None, dtype: torch.dtype, local_files_only: bool
) -> EncoderParts:
    """``antiberty`` or ``sapiens`` from the cache of fetched weights.

    Raises:
        EncoderError: where a folder is named; the weights are those of the pinned wheel.
        UnavailableError: they were not fetched, or transformers is not installed.
        FileFormatError: the file in the cache is damaged.
    """
    del local_files_only
    if folder is not None:
        raise EncoderError(
            f"{entry.id} is read from the weights of its pinned wheel (abag encoders fetch "
            f"{entry.id}); leave --folder away, or open another model's files as hf:folder"
        )
    installed("transformers", NEEDS_TRANSFORMERS)
    network: AntiBERTy | Sapiens
    if entry.id == "antiberty":
        network, vocabulary = AntiBERTy(), antiberty_vocabulary()
    else:
        vocabulary = sapiens_vocabulary()
        network = Sapiens(vocabulary.ids_of["<light>"])
    network.load_state_dict(fetched_tensors(entry.id))
    network.requires_grad_(False).to(dtype)
    facts, rule = entry.facts(WHEELS[entry.id].revision), rule_named(entry.rule)
    logits: Any = type(network).logits
    head = MaskedHead(vocabulary.mask_id, vocabulary.residue_ids, logits)
    return EncoderParts(facts, rule, vocabulary, network, type(network).__call__, head=head)


class AntiBERTy(nn.Module):
    """A BERT of 8 layers of width 512 with its masked-language head (Ruffolo et al., 2021)."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertConfig, BertForMaskedLM

        self.config = BertConfig(
            vocab_size=25, hidden_size=512, num_hidden_layers=8, num_attention_heads=8,
            intermediate_size=2048, max_position_embeddings=512, layer_norm_eps=1e-12,
        )  # fmt: skip
        model: Any = BertForMaskedLM(self.config)
        self.bert, self.cls = model.bert, model.cls

    def forward(
        self, ids: Int64[Tensor, "rows tokens"], mask: Bool[Tensor, "rows tokens"]
    ) -> Float[Tensor, "rows tokens width"]:
        """Hidden states of the last layer."""
        return cast(Tensor, self.bert(ids, attention_mask=mask.long()).last_hidden_state)

    def logits(
        self, states: Float[Tensor, "residues width"], starts: Int64[Tensor, " residues"]
    ) -> Float[Tensor, "residues vocabulary"]:
        """Logits of the tokens at each residue."""
        del starts
        return cast(Tensor, self.cls(states))


class Sapiens(nn.Module):
    """Two RoBERTas of 4 layers of width 128, for heavy and light chains (Prihoda et al., 2022).

    A row that starts with ``light_start`` goes through the second one.
    """

    def __init__(self, light_start: int) -> None:
        super().__init__()
        self.light_start = light_start
        self.heavy, self.light = _roberta(144), _roberta(128)
        self.config = self.heavy.config

    def forward(
        self, ids: Int64[Tensor, "rows tokens"], mask: Bool[Tensor, "rows tokens"]
    ) -> Float[Tensor, "rows tokens width"]:
        """Hidden states of the last layer, each row by the network of its chain."""
        light = ids[:, 0] == self.light_start
        ids = torch.where(ids == self.light_start, _START, ids)
        states: Tensor | None = None
        for network, chosen in ((self.heavy, ~light), (self.light, light)):
            if not bool(chosen.any()):
                continue
            longest = int(mask[chosen].sum(dim=1).max())
            hidden = network.roberta(
                ids[chosen, :longest], attention_mask=mask[chosen, :longest].long()
            ).last_hidden_state
            if states is None:
                states = hidden.new_zeros(*ids.shape, hidden.shape[2])
            states[chosen, :longest] = hidden
        if states is None:
            raise EncoderError("sapiens was given no chain")
        return states

    def logits(
        self, states: Float[Tensor, "residues width"], starts: Int64[Tensor, " residues"]
    ) -> Float[Tensor, "residues vocabulary"]:
        """Logits of the tokens; ``starts`` is the first token of each residue's row."""
        both = [network.lm_head(states) for network in (self.heavy, self.light)]
        return torch.where((starts == self.light_start)[:, None], both[1], both[0])


def _roberta(positions: int) -> Any:
    from transformers import RobertaConfig, RobertaForMaskedLM

    config = RobertaConfig(
        vocab_size=25, hidden_size=128, num_hidden_layers=4, num_attention_heads=8,
        intermediate_size=256, max_position_embeddings=positions + 2, type_vocab_size=1,
        layer_norm_eps=1e-5, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    return RobertaForMaskedLM(config)
