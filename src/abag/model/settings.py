"""Hyper-parameters: a frozen model per baseline, unknown keys refused with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abag.errors import OptionError


class Settings(BaseModel):
    """Hyper-parameters that every model has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target: Literal["pkd", "rank_score"] = Field(
        "pkd", description="pkd (absolute) or rank_score (order inside one assay)."
    )
    seed: int = Field(0, ge=0, description="Seed of anything that is drawn at random.")


SettingsType = TypeVar("SettingsType", bound=Settings)


def parse_settings(kind: type[SettingsType], values: Mapping[str, Any], model: str) -> SettingsType:
    """Check values, texts allowed, against the settings of a model.

    Raises:
        OptionError: names every unknown key with its nearest known one, and every bad value.
    """
    known = list(kind.model_fields)
    faults = [_unknown(key, known, model) for key in values if key not in known]
    try:
        settings = kind.model_validate({k: v for k, v in values.items() if k in known})
    except ValidationError as error:
        faults += [
            f"{'.'.join(map(str, fault['loc']))}={fault['input']}: {fault['msg']}"
            for fault in error.errors()
        ]
    if faults:
        raise OptionError("; ".join(faults))
    return settings


def split_assignments(assignments: list[str]) -> dict[str, str]:
    """Read ``["ridge=0.1"]`` as ``{"ridge": "0.1"}``."""
    values: dict[str, str] = {}
    for text in assignments:
        key, sign, value = text.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise OptionError(f"--set {text!r} is not KEY=VALUE, for example --set ridge=0.1")
        if key.strip() in values:
            raise OptionError(f"--set {key.strip()} is given twice")
        values[key.strip()] = value.strip()
    return values


def nearest(name: str, known: list[str]) -> str:
    """A question such as ``; did you mean 'ridge'?``, or nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown(key: str, known: list[str], model: str) -> str:
    return f"{model} has no setting {key!r}{nearest(key, known)} (it has {', '.join(known)})"
