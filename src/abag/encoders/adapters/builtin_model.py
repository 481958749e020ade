"""The network of the built-in encoder: a small transformer over residues, chains marked by type.

An antibody is read as ``[heavy] residues [light] residues``, so that its chains see each other; an
antigen as ``[antigen] residues``. Positions are rotary (Su et al., RoFormer, 2021), normalisation
comes before each block, and padding is masked as a key, so that a result does not depend on the
rest of its batch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
from jaxtyping import Bool, Float, Float32, Int64
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.protocol import Molecule, Role

PAD, MASK, HEAVY, LIGHT, ANTIGEN, UNKNOWN = range(6)
"""Special tokens; the twenty amino acids follow in the order of :data:`AMINO_ACIDS`."""
FIRST_RESIDUE: Final = 6
VOCABULARY: Final = FIRST_RESIDUE + len(AMINO_ACIDS)

LIGHT_START: Final = 256
"""Rotary position of the light-chain token, so that the length of the heavy chain moves nothing."""

_CODES: Final = {letter: FIRST_RESIDUE + i for i, letter in enumerate(AMINO_ACIDS)}


class Shape(BaseModel):
    """Size of the network."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width: int = Field(256, ge=8, le=2048, description="Dimension d of a residue's row.")
    layers: int = Field(4, ge=1, le=48, description="Number of transformer blocks.")
    heads: int = Field(4, ge=1, le=64, description="Attention heads of each block.")
    feed_forward: int = Field(1024, ge=8, le=8192, description="Hidden width of each block's MLP.")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Shape:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be an even multiple of the number of heads {self.heads}"
            )
        return self


@dataclass(frozen=True, slots=True)
class Tokens:
    """One molecule as the network reads it."""

    codes: tuple[int, ...]
    residues: tuple[int, ...]
    """Index in ``codes`` of each residue, in the order of the chains."""


def chain_codes(chain: str) -> list[int]:
    """Codes of the residues of a chain; rare and unknown letters become :data:`UNKNOWN`."""
    return [_CODES.get(letter, UNKNOWN) for letter in chain.upper()]


def tokens_of(chains: Sequence[tuple[int, str]]) -> Tokens:
    """Token codes of chains given as (chain-type token, residues), in their order."""
    codes: list[int] = []
    residues: list[int] = []
    for kind, chain in chains:
        residues += range(len(codes) + 1, len(codes) + 1 + len(chain))
        codes += [kind, *chain_codes(chain)]
    return Tokens(tuple(codes), tuple(residues))


def kinds_of(role: Role) -> tuple[int, ...]:
    """Chain-type tokens of a molecule's chains, in their order."""
    return (HEAVY, LIGHT) if role is Role.ANTIBODY else (ANTIGEN,)


def molecule_tokens(molecule: Molecule) -> Tokens:
    """Token codes of a molecule."""
    return tokens_of(list(zip(kinds_of(molecule.role), molecule.chains, strict=False)))


def padded(batch: Sequence[Sequence[int]]) -> Int64[Tensor, "batch longest"]:
    """Token codes, padded at the end with :data:`PAD`."""
    rows = [torch.tensor(codes) for codes in batch]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def positions_of(codes: Int64[Tensor, "batch length"]) -> Int64[Tensor, "batch length"]:
    """Rotary positions of token codes: one after the other, a light chain from its own start on."""
    places = torch.arange(codes.shape[1], device=codes.device).expand_as(codes)
    light = (codes == LIGHT).cumsum(1) > 0
    before = (~light).sum(1, keepdim=True)
    moved = places + light * (LIGHT_START - before).clamp_min(0)
    return moved * (codes != PAD)


def rotary_angles(
    positions: Int64[Tensor, "batch length"], head_width: int
) -> tuple[Float32[Tensor, "batch 1 length half"], Float32[Tensor, "batch 1 length half"]]:
    """Cosine and sine of rotary positions; ``half`` is ``head_width`` / 2."""
    half = head_width // 2
    rates = 10_000.0 ** (-torch.arange(half, device=positions.device, dtype=torch.float32) / half)
    angles = positions[:, None, :, None].float() * rates
    return angles.cos(), angles.sin()


def rotate(
    x: Float[Tensor, "batch heads length head_width"],
    cosine: Float[Tensor, "batch 1 length half"],
    sine: Float[Tensor, "batch 1 length half"],
) -> Float[Tensor, "batch heads length head_width"]:
    """Turn each pair (first half, second half) of ``x``."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


class Block(nn.Module):
    """Self-attention and a two-layer MLP, each behind a normalisation and a residual path."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(shape.width)
        self.query_key_value = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.attention_out = nn.Linear(shape.width, shape.width, bias=False)
        self.mlp_norm = nn.LayerNorm(shape.width)
        self.mlp_in = nn.Linear(shape.width, shape.feed_forward)
        self.mlp_out = nn.Linear(shape.feed_forward, shape.width)

    def forward(
        self,
        x: Float[Tensor, "batch length width"],
        cosine: Float[Tensor, "batch 1 length half"],
        sine: Float[Tensor, "batch 1 length half"],
        keys: Bool[Tensor, "batch 1 1 length"] | None,
    ) -> Float[Tensor, "batch length width"]:
        """The block's rows; ``keys`` is False at padding."""
        batch, length, width = x.shape
        mixed = self.query_key_value(self.attention_norm(x))
        mixed = mixed.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = mixed.unbind(0)
        query = rotate(query, cosine.to(query.dtype), sine.to(query.dtype))
        key = rotate(key, cosine.to(key.dtype), sine.to(key.dtype))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        attended = attended.transpose(1, 2).reshape(batch, length, width)
        x = x + self.attention_out(attended)
        hidden = functional.gelu(self.mlp_in(self.mlp_norm(x)), approximate="tanh")
        return cast(Tensor, x + self.mlp_out(hidden))


class BuiltinModel(nn.Module):
    """embedding -> blocks -> norm gives the rows; a linear map of them gives residue logits."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(VOCABULARY, shape.width, padding_idx=PAD)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.residue_logits = nn.Linear(shape.width, len(AMINO_ACIDS))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew: normal of width 0.02, smaller where a residual path is fed."""
        scale = 0.02
        deep = scale / (2 * self.shape.layers) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.ndim < 2:
                nn.init.constant_(parameter, float("norm.weight" in name))
            else:
                feeds_residual = name.endswith(("attention_out.weight", "mlp_out.weight"))
                width = deep if feeds_residual else scale
                nn.init.normal_(parameter, std=width, generator=generator)
        with torch.no_grad():
            self.embedding.weight[PAD].zero_()

    def forward(self, codes: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch length width"]:
        """Rows of token codes, specials included."""
        keys = codes != PAD
        mask = None if bool(keys.all()) else keys[:, None, None, :]
        cosine, sine = rotary_angles(positions_of(codes), self.shape.width // self.shape.heads)
        x = self.embedding(codes)
        for block in self.blocks:
            x = block(x, cosine, sine, mask)
        return cast(Tensor, self.norm(x))

    def logits(self, rows: Float[Tensor, "*axes width"]) -> Float[Tensor, "*axes 20"]:
        """Logits of the twenty residues at each row."""
        return cast(Tensor, self.residue_logits(rows))

    def count(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def shape_metadata(shape: Shape) -> dict[str, str]:
    """Metadata of a weights file: one key, because safetensors writes several in any order."""
    return {"shape": json.dumps(shape.model_dump(), sort_keys=True)}


def shape_from(metadata: dict[str, str]) -> Shape:
    """Shape from the metadata of a weights file."""
    return Shape.model_validate_json(metadata["shape"])
