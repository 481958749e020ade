"""From the residue rows of both molecules to one vector of the pair."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from abag.model.network.attention import CrossBlock, ResiduePool, by_pair
from abag.model.network.config import FusionConfig
from abag.model.network.dropout import Dropout
from abag.model.network.inputs import PairBatch
from abag.model.network.regions import NONE, REGIONS


class Fusion(nn.Module):
    """Base of the fusions: project, add regions, join. ``width`` is that of what comes out."""

    width: int

    def __init__(
        self, config: FusionConfig, antibody_width: int, antigen_width: int, project: bool = True
    ) -> None:
        super().__init__()
        self.antibody_in: nn.Module = nn.Identity()
        self.antigen_in: nn.Module = nn.Identity()
        if project:
            self.antibody_in = nn.Linear(antibody_width, config.width)
            self.antigen_in = nn.Linear(antigen_width, config.width)
        self.region: nn.Embedding | None = None
        if config.regions:
            width = config.width if project else antibody_width
            self.region = nn.Embedding(REGIONS, width, padding_idx=NONE)
            nn.init.normal_(self.region.weight, std=0.02)
            nn.init.zeros_(self.region.weight[NONE])

    def rows_of(
        self, batch: PairBatch
    ) -> tuple[Float[Tensor, "antibodies n width_a"], Float[Tensor, "antigens m width_b"]]:
        """Rows of both sides as the fusion reads them."""
        antibody = self.antibody_in(_readable(batch.antibody))
        if self.region is not None:
            antibody = antibody + self.region(batch.regions)
        return antibody, self.antigen_in(_readable(batch.antigen))


class CrossAttentionFusion(Fusion):
    """Blocks of attention both ways; the pooled sides side by side [pairs, 2 width]."""

    def __init__(self, config: FusionConfig, antibody_width: int, antigen_width: int) -> None:
        super().__init__(config, antibody_width, antigen_width)
        self.blocks = nn.ModuleList(
            CrossBlock(config.width, config.heads, config.feed_forward, config.norm, config.dropout)
            for _ in range(config.blocks)
        )
        pre = config.norm == "pre"
        self.antibody_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        self.antigen_norm = nn.LayerNorm(config.width) if pre else nn.Identity()
        self.antibody_pool = ResiduePool(config.width, config.heads)
        self.antigen_pool = ResiduePool(config.width, config.heads)
        self.width = 2 * config.width

    def forward(self, batch: PairBatch) -> Float[Tensor, "pairs two_widths"]:
        """Both sides, pooled and side by side."""
        sides, of = self.rows_of(batch), (batch.antibody_of, batch.antigen_of)
        masks = batch.antibody_mask, batch.antigen_mask
        for block in self.blocks:
            sides = block(sides[0], masks[0], sides[1], masks[1], *of)
            # From here on a molecule's rows are those of its pair.
            masks, of = (by_pair(masks[0], of[0]), by_pair(masks[1], of[1])), (None, None)
        return torch.cat(
            [
                self.antibody_pool(self.antibody_norm(sides[0]), masks[0]),
                self.antigen_pool(self.antigen_norm(sides[1]), masks[1]),
            ],
            dim=1,
        )


class ConcatenationFusion(Fusion):
    """Means of the rows as they come from the encoders, side by side; ``width`` is not used."""

    def __init__(self, config: FusionConfig, antibody_width: int, antigen_width: int) -> None:
        super().__init__(config, antibody_width, antigen_width, project=False)
        self.width = antibody_width + antigen_width

    def forward(self, batch: PairBatch) -> Float[Tensor, "pairs both_widths"]:
        """The mean rows of both sides, side by side."""
        antibody, antigen = self.rows_of(batch)
        sides = (
            by_pair(masked_mean(antibody, batch.antibody_mask), batch.antibody_of),
            by_pair(masked_mean(antigen, batch.antigen_mask), batch.antigen_of),
        )
        return torch.cat(sides, dim=1)


class BilinearFusion(Fusion):
    """Product of the projected, pooled sides: a bilinear form of low rank (Kim et al. 2017)."""

    def __init__(self, config: FusionConfig, antibody_width: int, antigen_width: int) -> None:
        super().__init__(config, antibody_width, antigen_width)
        self.antibody_pool = ResiduePool(config.width, config.heads)
        self.antigen_pool = ResiduePool(config.width, config.heads)
        self.norm = nn.LayerNorm(config.width)
        self.drop = Dropout(config.dropout)
        self.width = config.width

    def forward(self, batch: PairBatch) -> Float[Tensor, "pairs width"]:
        """Product of both sides, normalised."""
        antibody, antigen = self.rows_of(batch)
        product = by_pair(
            self.antibody_pool(antibody, batch.antibody_mask), batch.antibody_of
        ) * by_pair(self.antigen_pool(antigen, batch.antigen_mask), batch.antigen_of)
        return cast(Tensor, self.drop(self.norm(product)))


def make_fusion(config: FusionConfig, antibody_width: int, antigen_width: int) -> Fusion:
    """The fusion that a configuration names."""
    kinds: dict[str, type[CrossAttentionFusion | ConcatenationFusion | BilinearFusion]] = {
        "cross-attention": CrossAttentionFusion,
        "concatenation": ConcatenationFusion,
        "bilinear": BilinearFusion,
    }
    return kinds[config.kind](config, antibody_width, antigen_width)


def masked_mean(
    rows: Float[Tensor, "molecules n width"], mask: Bool[Tensor, "molecules n"]
) -> Float[Tensor, "molecules width"]:
    """Mean of each molecule's rows where the mask is True."""
    weights = mask[:, :, None].to(rows.dtype)
    return (rows * weights).sum(dim=1) / weights.sum(dim=1)


def _readable(rows: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Stored bf16 rows in fp32, except where autocast computes in bf16 anyway."""
    return rows if torch.is_autocast_enabled(rows.device.type) else rows.float()
