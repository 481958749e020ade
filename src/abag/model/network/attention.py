"""Attention between two sets of residue rows, with masks, and pooling of one set."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class CrossAttention(nn.Module):
    """Multi-head attention of one molecule's residues over another's (Vaswani et al. 2017).

    With a single key the softmax is exactly 1, so query and key have no gradient: this is what
    one pooled row a molecule costs.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, rows: Tensor, others: Tensor, others_mask: Tensor) -> Tensor:
        """What each row [pairs, n, width] reads of others [pairs, m, width] where mask [pairs, m].

        Every pair needs one unmasked key or more.
        """
        query, key = self._split(self.query(rows)), self._split(self.key(others))
        value = self._split(self.value(others))
        dropout = self.dropout if self.training else 0.0
        if others.shape[1] == 1:
            seen = _single_key(query, key, value, dropout)
        else:
            mask = others_mask[:, None, None, :]
            seen = functional.scaled_dot_product_attention(query, key, value, mask, dropout)
        return cast(Tensor, self.out(seen.transpose(1, 2).flatten(2)))

    def _split(self, rows: Tensor) -> Tensor:
        """[pairs, n, width] as [pairs, heads, n, width / heads]."""
        pairs, n, _ = rows.shape
        return rows.view(pairs, n, self.heads, -1).transpose(1, 2)


def _single_key(query: Tensor, key: Tensor, value: Tensor, dropout: float) -> Tensor:
    """Attention over one key, step by step: the gradient of its scores is then exactly 0.

    Fused kernels leave rounding errors of about 1e-8 there, which Adam scales up to whole steps.
    """
    weights = (query @ key.transpose(2, 3)).softmax(dim=3)
    return functional.dropout(weights, dropout) @ value


class Direction(nn.Module):
    """One molecule reads the other: attention and an MLP, each on a residual path."""

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        norm: Literal["pre", "post"],
        dropout: float,
    ) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.attention = CrossAttention(width, heads, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.others_norm = nn.LayerNorm(width) if self.pre else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.mlp: nn.Module | None = None
        if feed_forward:
            self.mlp_norm = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, feed_forward * width),
                nn.GELU(),
                nn.Dropout(dropout),
                nn.Linear(feed_forward * width, width),
            )

    def forward(self, rows: Tensor, others: Tensor, others_mask: Tensor) -> Tensor:
        """Rows [pairs, n, width] after reading others [pairs, m, width]."""
        if self.pre:
            read = self.attention(self.attention_norm(rows), self.others_norm(others), others_mask)
            rows = rows + self.drop(read)
            if self.mlp is not None:
                rows = rows + self.drop(self.mlp(self.mlp_norm(rows)))
            return rows
        rows = self.attention_norm(rows + self.drop(self.attention(rows, others, others_mask)))
        if self.mlp is not None:
            rows = self.mlp_norm(rows + self.drop(self.mlp(rows)))
        return rows


class CrossBlock(nn.Module):
    """Antibody reads antigen and antigen reads antibody, both from the rows that came in."""

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        norm: Literal["pre", "post"],
        dropout: float,
    ) -> None:
        super().__init__()
        self.antibody = Direction(width, heads, feed_forward, norm, dropout)
        self.antigen = Direction(width, heads, feed_forward, norm, dropout)

    def forward(
        self, antibody: Tensor, antibody_mask: Tensor, antigen: Tensor, antigen_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both sides [pairs, residues, width] after reading each other."""
        return (
            self.antibody(antibody, antigen, antigen_mask),
            self.antigen(antigen, antibody, antibody_mask),
        )


class ResiduePool(nn.Module):
    """Weighted mean of a molecule's rows, with weights learnt per head; at first a plain mean."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, heads)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        """[pairs, width] of rows [pairs, n, width] where mask [pairs, n]; fp32 weights."""
        scores = self.score(rows).float().masked_fill(~mask[:, :, None], -torch.inf)
        weights = scores.softmax(dim=1)
        parts = rows.view(*weights.shape, -1)
        return torch.einsum("bnh,bnhd->bhd", weights.to(parts.dtype), parts).flatten(1)
