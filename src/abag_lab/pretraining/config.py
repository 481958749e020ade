"""Everything that shapes a pre-training run, in one frozen model; the recipe file is its JSON."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from abag.errors import OptionError
from abag.files import read_json


class PretrainConfig(BaseModel):
    """A recipe. Every key can be changed with ``--set key=value``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width: int = Field(256, ge=8, le=2048, description="Dimension d of a residue's row.")
    layers: int = Field(4, ge=1, le=48, description="Number of transformer blocks.")
    heads: int = Field(4, ge=1, le=64, description="Attention heads of each block.")
    feed_forward: int = Field(1024, ge=8, le=8192, description="Hidden width of the MLP.")

    seed: int = Field(0, ge=0, description="Seed of weights, order, views and masks.")
    steps: int = Field(2000, ge=1, description="Optimiser steps; the cosine ends there.")
    warmup_steps: int = Field(100, ge=0, description="Steps of linear warm-up.")
    tokens_per_batch: int = Field(4096, ge=64, description="Padded tokens of one batch.")
    learning_rate: float = Field(1e-3, gt=0, description="Highest learning rate.")
    final_rate_share: float = Field(0.02, ge=0, le=1, description="Share of it at the last step.")
    weight_decay: float = Field(0.01, ge=0, description="AdamW decay of weight matrices.")
    second_moment_decay: float = Field(0.98, gt=0, lt=1, description="Second beta of AdamW.")
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 autocast where the hardware multiplies it natively."
    )
    threads: int = Field(1, ge=0, le=256, description="CPU threads of torch; 0 leaves its default.")

    mask_share: float = Field(0.15, gt=0, lt=1, description="Share of residues to be predicted.")
    cdr_weight: float = Field(
        2.0, ge=1, le=10, description="How much likelier a CDR residue is chosen than another."
    )
    single_chain_share: float = Field(
        0.2, ge=0, le=1, description="Share of paired antibodies shown as one chain alone."
    )
    crop_residues: int = Field(
        512, ge=16, le=4096, description="Longer antigens are shown as random windows of this size."
    )
    antigen_copies: int = Field(
        3, ge=0, le=100, description="Times an antigen chain is shown in one epoch."
    )
    held_out_share: float = Field(
        0.05, gt=0, lt=0.5, description="Share of molecules held out, by whole clusters."
    )

    log_every: int = Field(10, ge=1, description="Steps between rows of the loss curve.")
    evaluate_every: int = Field(200, ge=1, description="Steps between held-out losses.")
    evaluate_molecules: int = Field(256, ge=1, description="Held-out molecules of that loss.")
    checkpoint_every: int = Field(50, ge=1, description="Steps between checkpoints.")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> PretrainConfig:
        # The network says so too, but only once the corpus has been built.
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} must be an even multiple of the number of heads {self.heads}"
            )
        return self


CHANGEABLE = frozenset(
    {"steps", "threads", "log_every", "evaluate_every", "evaluate_molecules", "checkpoint_every"}
)
"""Keys that a resumed run may change; any other would make it another run."""


def load_config(path: Path | None, settings: Sequence[str] = ()) -> PretrainConfig:
    """Config from a JSON recipe (or the defaults) and ``key=value`` settings that override it.

    Raises:
        OptionError: names every unknown key with the nearest known one, and every bad value.
    """
    values: dict[str, Any] = {}
    if path is not None:
        content = read_json(path)
        if not isinstance(content, dict):
            raise OptionError(f"{path} holds no JSON object of settings")
        values |= content
    return parse_config(values | parse_settings(settings))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """``key=value`` texts as a dictionary."""
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise OptionError(f"--set {setting!r} is not of the form key=value")
        try:
            values[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            values[key.strip()] = text.strip()
    return values


def parse_config(values: dict[str, Any]) -> PretrainConfig:
    """Checked config; all faults at once."""
    known = list(PretrainConfig.model_fields)
    faults = []
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            faults.append(f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    config = None
    try:
        config = PretrainConfig.model_validate({k: v for k, v in values.items() if k in known})
    except ValidationError as error:
        faults += [
            f"{'.'.join(map(str, fault['loc']))}={fault['input']!r}: {fault['msg']}"
            if fault["loc"]
            else fault["msg"].removeprefix("Value error, ")
            for fault in error.errors()
        ]
    if config is None or faults:
        raise OptionError("pre-training settings: " + "; ".join(faults))
    return config
