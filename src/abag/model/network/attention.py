"""Attention between two sets of residue rows, with masks, and pooling of one set."""

from __future__ import annotations

from typing import Literal, cast

import torch
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor, nn
from torch.nn import functional

from abag.model.network.dropout import Dropout, dropped, keep_mask


class CrossAttention(nn.Module):
    """Multi-head attention of one molecule's residues over another's (Vaswani et al. 2017).

    With a single key the softmax is exactly 1, so query and key are not even computed and have no
    gradient: this is what one pooled row a molecule costs.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        rows: Float[Tensor, "molecules n width"],
        others: Float[Tensor, "partners m width"],
        others_mask: Bool[Tensor, "partners m"],
        rows_of: Int64[Tensor, " pairs"] | None = None,
        others_of: Int64[Tensor, " pairs"] | None = None,
    ) -> Float[Tensor, "pairs n width"]:
        """What each row reads of the others where their mask is True.

        Every pair needs one unmasked key or more. With ``rows_of`` or ``others_of`` [pairs] that
        side holds each distinct molecule once, and they say which one a pair has.
        """
        value = by_pair(self._split(self.value(others)), others_of)
        dropout = self.dropout if self.training else 0.0
        if others.shape[1] == 1:
            ones = value.new_ones(*value.shape[:2], rows.shape[1], 1)
            attended_values = (dropped(ones, dropout) if dropout else ones) * value
        else:
            query = by_pair(self._split(self.query(rows)), rows_of)
            key = by_pair(self._split(self.key(others)), others_of)
            mask: Tensor | None = by_pair(others_mask, others_of)
            if others_mask.device.type == "cpu" and bool(others_mask.all()):
                mask = None  # a GPU would have to be waited for
            attended_values = attended(query, key, value, mask, dropout)
        return cast(Tensor, self.out(attended_values.transpose(1, 2).flatten(2)))

    def _split(
        self, rows: Float[Tensor, "molecules n width"]
    ) -> Float[Tensor, "molecules heads n width_of_head"]:
        """Rows by head."""
        pairs, n, _ = rows.shape
        return rows.view(pairs, n, self.heads, -1).transpose(1, 2)


def attended(
    query: Float[Tensor, "pairs heads n d"],
    key: Float[Tensor, "pairs heads m d"],
    value: Float[Tensor, "pairs heads m d_value"],
    mask: Bool[Tensor, "pairs m"] | None,
    dropout: float,
) -> Float[Tensor, "pairs heads n d_value"]:
    """Attention over the keys where their mask is True."""
    if not dropout:
        keys = None if mask is None else mask[:, None, None, :]
        return functional.scaled_dot_product_attention(query, key, value, keys)
    # What the library does with dropout on a CPU, less its guard for rows that are masked as a
    # whole, which reads all scores three times more. Scaling the values up is less than scaling
    # the weights up.
    scores: Tensor = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
    keep, share = keep_mask(scores.shape, 1 - dropout, scores.device)
    return scores.softmax(dim=3).mul(keep) @ (value * (1 / share))


def by_pair(
    molecules: Shaped[Tensor, " molecules *rest"], of: Int64[Tensor, " pairs"] | None
) -> Shaped[Tensor, " pairs *rest"]:
    """Distinct molecules as one a pair, ``of`` saying which; all of them where it is None."""
    return molecules if of is None else molecules.index_select(0, of)


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
        self.drop = Dropout(dropout)
        self.mlp: nn.Module | None = None
        if feed_forward:
            self.mlp_norm = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, feed_forward * width),
                nn.GELU(),
                Dropout(dropout),
                nn.Linear(feed_forward * width, width),
            )

    def forward(
        self,
        rows: Float[Tensor, "molecules n width"],
        others: Float[Tensor, "partners m width"],
        others_mask: Bool[Tensor, "partners m"],
        rows_of: Int64[Tensor, " pairs"] | None = None,
        others_of: Int64[Tensor, " pairs"] | None = None,
    ) -> Float[Tensor, "pairs n width"]:
        """Rows after reading the others.

        ``rows_of`` and ``others_of``: see :class:`CrossAttention`.
        """
        before = by_pair(rows, rows_of)
        if self.pre:
            update = self.attention(
                self.attention_norm(rows), self.others_norm(others), others_mask, rows_of, others_of
            )
            rows = before + self.drop(update)
            if self.mlp is not None:
                rows = rows + self.drop(self.mlp(self.mlp_norm(rows)))
            return rows
        update = self.attention(rows, others, others_mask, rows_of, others_of)
        rows = self.attention_norm(before + self.drop(update))
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
        self,
        antibody: Float[Tensor, "antibodies n width"],
        antibody_mask: Bool[Tensor, "antibodies n"],
        antigen: Float[Tensor, "antigens m width"],
        antigen_mask: Bool[Tensor, "antigens m"],
        antibody_of: Int64[Tensor, " pairs"] | None = None,
        antigen_of: Int64[Tensor, " pairs"] | None = None,
    ) -> tuple[Float[Tensor, "pairs n width"], Float[Tensor, "pairs m width"]]:
        """Both sides after reading each other.

        ``antibody_of`` and ``antigen_of``: which of the distinct molecules of a side a
        pair has; None where they are one for each pair.
        """
        return (
            self.antibody(antibody, antigen, antigen_mask, antibody_of, antigen_of),
            self.antigen(antigen, antibody, antibody_mask, antigen_of, antibody_of),
        )


class ResiduePool(nn.Module):
    """Weighted mean of a molecule's rows, with weights learnt per head; at first a plain mean."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, heads)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(
        self, rows: Float[Tensor, "molecules n width"], mask: Bool[Tensor, "molecules n"]
    ) -> Float[Tensor, "molecules width"]:
        """One row a molecule, of the rows where the mask is True; fp32 weights."""
        scores = self.score(rows).float().masked_fill(~mask[:, :, None], -torch.inf)
        weights = scores.softmax(dim=1)
        parts = rows.view(*weights.shape, -1)
        return torch.einsum("bnh,bnhd->bhd", weights.to(parts.dtype), parts).flatten(1)
