"""What a network is made of. Every field's description is its ``--help``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Pooling = Literal["residues", "mean"]
FusionKind = Literal["cross-attention", "concatenation", "bilinear"]
RangeKind = Literal["free", "clamp", "sigmoid"]


class ConfigSection(BaseModel):
    """A frozen part of a configuration; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EncoderConfig(ConfigSection):
    """How one side of the pair becomes rows."""

    id: str = Field("builtin", min_length=1, description="Encoder, as `abag embed` names it.")
    pooling: Pooling = Field(
        "residues",
        description="residues: one row a residue; mean: one row a molecule, the mean of its "
        "residues (a single key for attention, as in the releases).",
    )


class FusionConfig(ConfigSection):
    """How antibody and antigen rows meet."""

    kind: FusionKind = Field("cross-attention", description="What joins the two sides.")
    width: int = Field(512, ge=8, le=4096, description="Width that both sides are projected to.")
    blocks: int = Field(2, ge=1, le=12, description="Blocks of cross-attention, both ways each.")
    heads: int = Field(8, ge=1, le=64, description="Attention heads of a block.")
    feed_forward: int = Field(4, ge=0, le=8, description="Hidden width of a block's MLP, times.")
    norm: Literal["pre", "post"] = Field("post", description="Place of the layer normalisation.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout in attention and MLP.")
    regions: bool = Field(
        True, description="Add learnt embeddings of chain and CDR to the antibody's residues."
    )

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of the number of heads")
        return self


class HeadConfig(ConfigSection):
    """What reads numbers off the fused pair."""

    hidden: tuple[int, ...] = Field((512, 256, 128), description="Widths of the hidden layers.")
    normalisation: Literal["none", "layer", "batch"] = Field(
        "layer", description="Normalisation after each hidden layer."
    )
    residual: bool = Field(False, description="Add a linear path around each hidden layer.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout after each hidden layer.")
    classifier: bool = Field(False, description="Also predict whether pKd reaches `strong_pkd`.")
    variance: bool = Field(False, description="Also predict the variance of each value.")
    per_assay: bool = Field(
        False, description="Learn a scale and an offset for each assay that is not absolute."
    )

    @model_validator(mode="after")
    def _widths_are_widths(self) -> Self:
        if any(width < 1 for width in self.hidden):
            raise ValueError("hidden widths are 1 or more")
        return self


class OutputConfig(ConfigSection):
    """The range of a predicted pKd."""

    range: RangeKind = Field(
        "sigmoid",
        description="free: any number; clamp: cut at the ends, where the gradient is lost; "
        "sigmoid: scaled to the range, where the gradient is kept.",
    )
    low: float = Field(2.0, description="Lowest pKd of a bounded range.")
    high: float = Field(14.0, description="Highest pKd of a bounded range.")
    strong_pkd: float = Field(9.0, description="pKd from which a binder is called strong.")

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} is not below high {self.high}")
        return self


class NetworkConfig(ConfigSection):
    """Encoders, fusion, heads and range: everything that the weights belong to."""

    antibody: EncoderConfig = EncoderConfig()
    antigen: EncoderConfig = EncoderConfig()
    fusion: FusionConfig = FusionConfig()
    head: HeadConfig = HeadConfig()
    output: OutputConfig = OutputConfig()
