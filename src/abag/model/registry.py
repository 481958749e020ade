"""Every model by its name. A model's module is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.errors import ModelError, OptionError, UnavailableError

if TYPE_CHECKING:
    from abag.model.protocol import AffinityModel

MODELS: Final[dict[str, str]] = {
    # name -> import path; add a line to add a model
    "mean": "abag.model.baselines.mean:Mean",
    "antigen-mean": "abag.model.baselines.antigen_mean:AntigenMean",
    "nearest-neighbour": "abag.model.baselines.nearest_neighbour:NearestNeighbour",
    "kmer-ridge": "abag.model.baselines.kmer_ridge:KmerRidge",
    "one-hot-ridge": "abag.model.baselines.one_hot_ridge:OneHotRidge",
    "assay-gp": "abag.model.assay_gp.model:AssayGP",
    "pairs": "abag.model.pairs.model:PairModel",
    "network": "abag.model.network.model:NetworkModel",
}


def model_class(name: str) -> type[AffinityModel]:
    """The class of a model; raises OptionError with the nearest name when it is unknown."""
    if name not in MODELS:
        from abag.model.settings import nearest

        known = ", ".join(MODELS)
        raise OptionError(
            f"unknown model {name!r}{nearest(name, list(MODELS))} (models are {known})"
        )
    module, _, attribute = MODELS[name].partition(":")
    try:
        found: type[AffinityModel] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise UnavailableError(
            f"the model {name!r} needs PyTorch: pip install 'abag[network]'"
        ) from None
    return found


def create_model(name: str, values: Mapping[str, Any] | None = None) -> AffinityModel:
    """An unfitted model with settings, given as values or texts (``{"ridge": "0.1"}``)."""
    return model_class(name)(**dict(values or {}))


def load_model(folder: Path) -> AffinityModel:
    """Read a saved model of any registered kind, its release's folder or name; raises ModelError.

    What the folder may be: :func:`abag.model.shelf.located`.
    """
    from abag.model.artefact import read_manifest
    from abag.model.shelf import located

    folder = located(folder)
    name = read_manifest(folder)["name"]
    if name not in MODELS:
        raise ModelError(
            f"{folder} holds a model {name!r}, which this abag does not know ({', '.join(MODELS)})"
        )
    return model_class(name).load(folder)
