"""Predictions from saved models: :func:`load` a model, :func:`predict` a pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abag.inference.predictor import Prediction, Predictor

__all__ = ["load", "predict"]


def load(folder: Path | str) -> Predictor:
    """Load a model that ``abag fit`` saved; raises MissingFileError or ModelError."""
    from abag.inference.predictor import Predictor

    return Predictor.load(folder)


def predict(
    model: Path | str | Predictor,
    heavy: str,
    light: str | None = None,
    antigen: str | Sequence[str] = (),
) -> Prediction:
    """Predict one pair with a loaded model, or with a saved one (loaded for this call).

    Several antigen chains are given as a list. Raises SequenceError for a chain that cannot be
    read, ModelError for a model that cannot.
    """
    predictor = load(model) if isinstance(model, Path | str) else model
    return predictor.predict_pair(heavy, light, antigen)
