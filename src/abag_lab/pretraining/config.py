"""Everything that shapes a pre-training run, in one frozen model; the recipe file is its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from abag.encoders.adapters.builtin_model import Shape
from abag.errors import OptionError
from abag.files import read_json
from abag.training.recipe import override, parse_section


class PretrainConfig(Shape):
    """A recipe. Every key can be changed with ``--set key=value``."""

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


CHANGEABLE = frozenset(
    {"steps", "threads", "log_every", "evaluate_every", "evaluate_molecules", "checkpoint_every"}
)
"""Keys that a resumed run may change; any other would make it another run."""


def load_config(path: Path | None, settings: Sequence[str] = ()) -> PretrainConfig:
    """Config from a JSON recipe (or the defaults) and ``key=value`` settings that override it.

    Raises:
        OptionError: names every unknown key with the nearest known one, and every bad value.
    """
    content = {} if path is None else read_json(path)
    if not isinstance(content, dict):
        raise OptionError(f"{path} holds no JSON object of settings")
    return parse_config(content | parse_settings(settings))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """``key=value`` texts as a dictionary."""
    values: dict[str, Any] = {}
    for setting in settings:
        override(values, setting, example="steps=500")
    return values


def parse_config(values: dict[str, Any]) -> PretrainConfig:
    """Checked config; all faults at once."""
    return parse_section(PretrainConfig, values, "pre-training settings")
