"""Predictions from saved models: :func:`load` a model, :func:`predict` a pair."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from abag.errors import ModelError, OptionError

if TYPE_CHECKING:
    from abag.inference.predictor import Prediction, Predictor

__all__ = ["load", "predict"]


def load(folder: Path | str | None = None, *, level: float = 0.9) -> Predictor:
    """Load a saved model, a pulled release by ``name@revision``, or without either the shipped one.

    ``level`` is the share of intervals that are to hold the measured value. Raises
    MissingFileError, ModelError, or OptionError for a level outside 0 to 1.
    """
    from abag.inference.predictor import Predictor

    return Predictor.load(folder, level=level)


@overload
def predict(
    heavy: str,
    light: str | None = None,
    antigen: str | Sequence[str] = (),
    *,
    model: Path | str | Predictor | None = None,
) -> Prediction: ...


@overload
def predict(
    model: Path | str | Predictor,
    /,
    heavy: str,
    light: str | None = None,
    antigen: str | Sequence[str] = (),
) -> Prediction: ...


def predict(*arguments: Any, **by_name: Any) -> Prediction:
    """Predict one pair: ``predict(heavy, light, antigen, model=None)``.

    ``model`` is a loaded one (see :func:`load`), or the folder or name of a saved one, loaded for
    this call; without it the one that abag ships is asked. Several antigen chains are given as a
    list. Without ``model=`` the model may also come first, ``predict(model, heavy, light,
    antigen)``: a first argument is taken for one when it is no text, names an existing folder, is
    one of four, or when the heavy chain is given by name.

    Raises SequenceError for a chain that cannot be read, ModelError for a model that cannot,
    OptionError for an argument that is missing or unknown.
    """
    values = list(arguments)
    model = by_name.pop("model", None)
    if model is None and values and _is_model(values, by_name):
        model = values.pop(0)
    if model is None or isinstance(model, Path | str):
        model = _shipped() if model is None else load(model)
    _require_arguments(model, values, by_name)
    prediction: Prediction = model.predict_pair(*values, **by_name)
    return prediction


def _require_arguments(model: Any, values: Sequence[Any], by_name: dict[str, Any]) -> None:
    if not hasattr(model, "predict_pair"):
        raise ModelError(
            f"{model!r:.60} ({type(model).__name__}) is no model, and no chain in one-letter code: "
            "give a model that abag.load gave, or the folder or name of a saved one"
        )
    try:
        signature(model.predict_pair).bind(*values, **by_name)
    except TypeError as error:
        raise OptionError(
            f"abag.predict: {error}; it takes heavy, light=None, antigen=() and model=None"
        ) from None


def _is_model(values: Sequence[Any], by_name: dict[str, Any]) -> bool:
    first = values[0]
    if not isinstance(first, str):
        return True
    if len(values) == 4 or "heavy" in by_name:
        return True
    try:
        return Path(first).is_dir()
    except OSError:  # longer than any name of a file
        return False


_loaded: list[Predictor] = []


def _shipped() -> Predictor:
    """The shipped model, loaded once in a process."""
    if not _loaded:
        _loaded.append(load())
    return _loaded[0]
