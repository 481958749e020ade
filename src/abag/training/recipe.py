"""A recipe: everything that shapes a training run, in one frozen model; its file is TOML.

The recipes named after the predecessor's releases, and ``default``, lie in
``abag/resources/recipes``; a recipe of one's own is such a file, or one of these with ``--set``.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from abag.errors import MissingFileError, OptionError
from abag.files import read_json, require_file
from abag.model.network.config import ConfigSection, NetworkConfig

SectionType = TypeVar("SectionType", bound=BaseModel)


class _Term(ConfigSection):
    """What every loss has."""

    kind: str = ""
    weight: float = Field(1.0, gt=0, description="Weight in the sum of losses.")


class MseLoss(_Term):
    """Squared error of exact rows."""

    kind: Literal["mse"] = "mse"


class HuberLoss(_Term):
    """Squared near zero, absolute beyond ``delta`` (Huber 1964)."""

    kind: Literal["huber"] = "huber"
    delta: float = Field(1.0, gt=0, description="Error in pKd beyond which it grows linearly.")


class FocalMseLoss(_Term):
    """Squared error weighted by its own size, after the focal loss of Lin et al. 2017."""

    kind: Literal["focal-mse"] = "focal-mse"
    gamma: float = Field(2.0, ge=0, description="Power of the weighting; 0 is the plain MSE.")


class BceLoss(_Term):
    """Cross-entropy of the classifier of strong binders; bounds that decide it count."""

    kind: Literal["bce"] = "bce"


class SoftSpearmanLoss(_Term):
    """One minus the correlation of soft ranks inside the batch; O(n^2) in the batch."""

    kind: Literal["soft-spearman"] = "soft-spearman"
    temperature: float = Field(0.1, gt=0, description="Difference in pKd that counts as a step.")


class RankingLoss(_Term):
    """Logistic loss of pairs inside an assay that differ by more than the noise; O(n^2)."""

    kind: Literal["ranking"] = "ranking"
    margin: float = Field(
        0.3, ge=0, description="Pairs whose values differ by less teach nothing (repeat error)."
    )


class GaussianLoss(_Term):
    """Gaussian negative log-likelihood with the predicted variance (Nix and Weigend 1994)."""

    kind: Literal["gaussian-nll"] = "gaussian-nll"


class TobitLoss(_Term):
    """Censored Gaussian likelihood (Tobin 1958): a bound teaches the side it is on."""

    kind: Literal["tobit"] = "tobit"
    sigma: float = Field(0.8, gt=0, description="Noise in pKd where no variance is predicted.")


LossTerm = Annotated[
    MseLoss | HuberLoss | FocalMseLoss | BceLoss | SoftSpearmanLoss | RankingLoss
    | GaussianLoss | TobitLoss,
    Field(discriminator="kind"),
]  # fmt: skip


class OptimiserConfig(ConfigSection):
    """AdamW (Loshchilov and Hutter 2019) and what is done to gradients and weights."""

    lr: float = Field(5e-4, gt=0, description="Highest learning rate.")
    weight_decay: float = Field(0.01, ge=0, description="Decay of weight matrices.")
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Decay of a running mean of the weights; 0 keeps none."
    )


class ScheduleConfig(ConfigSection):
    """How the learning rate moves, step by step."""

    kind: Literal["cosine", "plateau", "constant"] = Field(
        "cosine", description="cosine and constant move by the step, plateau by the epoch."
    )
    warmup_epochs: float = Field(0.0, ge=0, description="Epochs of linear warm-up.")
    cosine_epochs: int = Field(50, ge=1, description="Epochs until the cosine reaches `min_lr`.")
    factor: float = Field(0.6, gt=0, lt=1, description="Plateau: the rate is multiplied by this.")
    patience: int = Field(10, ge=0, description="Plateau: epochs without gain before that.")
    min_lr: float = Field(0.0, ge=0, description="Lowest learning rate.")


class SamplerConfig(ConfigSection):
    """In which order rows are shown."""

    kind: Literal["shuffle", "length-buckets", "pkd-bins", "assay-balanced"] = Field(
        "shuffle",
        description="shuffle; length-buckets: batches of like lengths; pkd-bins: every bin of pKd "
        "as often; assay-balanced: every assay as often.",
    )
    bins: int = Field(5, ge=2, le=50, description="pkd-bins: bins of equal width, drawn equally.")


class BatchConfig(ConfigSection):
    """Rows of a step."""

    size: int = Field(32, ge=1, description="Rows that are computed at once.")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one step.")


class StoppingConfig(ConfigSection):
    """When training ends, and which weights are kept."""

    epochs: int = Field(50, ge=1, description="Most epochs.")
    patience: int = Field(10, ge=1, description="Epochs without gain before training stops.")
    metric: Literal["spearman", "pearson", "rmse", "loss"] = Field(
        "spearman", description="Validation figure that chooses the kept weights."
    )


class MonitorConfig(ConfigSection):
    """When a run is called unstable."""

    # A calibrated model whose correlation is r spreads r times as far as the labels: a limit near
    # 0.5 would call every honest weak model collapsed.
    collapse_sd: float = Field(0.1, ge=0, description="Least share of the labels' sd.")
    distinct_share: float = Field(0.5, ge=0, le=1, description="Least share of distinct values.")
    overfit_ratio: float = Field(3.0, gt=1, description="Most validation over training loss.")
    recall_sd: float = Field(0.15, gt=0, description="Most sd of recall over the last epochs.")


class AdaptationConfig(ConfigSection):
    """First stage: LoRA adapters on both encoders, trained with the network; then cached."""

    rank: int = Field(4, ge=1, description="Rank r of the update.")
    alpha: int = Field(8, ge=1, description="The update is scaled by alpha / r.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout on its input.")
    lr: float = Field(1e-4, gt=0, description="Learning rate of the adapters.")
    epochs: int = Field(1, ge=1, description="Epochs of the first stage.")
    batch: int = Field(8, ge=1, description="Pairs of a step of the first stage.")


class Recipe(ConfigSection):
    """One training run, reproducible from this, the table, the split and the encoders."""

    name: str = Field("custom", description="Name of the recipe.")
    title: str = Field("", description="One line of what it is.")
    differs: tuple[str, ...] = Field((), description="How it differs from its namesake, and why.")
    seed: int = Field(42, ge=0, description="Seed of weights, order, dropout.")
    rows: Literal["absolute", "all"] = Field(
        "absolute", description="absolute: rows with a pKd or its bound; all: assay scales too."
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "fp32", description="Arithmetic of the fusion; last layer and figures are fp32 always."
    )
    network: NetworkConfig = NetworkConfig()
    loss: tuple[LossTerm, ...] = Field((MseLoss(),), min_length=1)
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    sampler: SamplerConfig = SamplerConfig()
    batch: BatchConfig = BatchConfig()
    stopping: StoppingConfig = StoppingConfig()
    monitor: MonitorConfig = MonitorConfig()
    adaptation: AdaptationConfig | None = Field(
        None, description="First stage that adapts the encoders; null has none."
    )

    @model_validator(mode="after")
    def _losses_have_their_heads(self) -> Self:
        kinds = [term.kind for term in self.loss]
        head = self.network.head
        if "bce" in kinds and not head.classifier:
            raise ValueError("the loss bce needs network.head.classifier=true")
        if "gaussian-nll" in kinds and not head.variance:
            raise ValueError("the loss gaussian-nll needs network.head.variance=true")
        if kinds == ["bce"]:
            raise ValueError("bce alone teaches no pKd; add a regression loss")
        if self.rows == "all" and not (head.per_assay or "ranking" in kinds):
            raise ValueError("rows=all needs network.head.per_assay=true or the loss ranking")
        return self

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return self.model_dump(mode="json")


def recipe_names() -> tuple[str, ...]:
    """The shipped recipes, releases first."""
    names = sorted(path.stem for path in _folder().glob("*.toml"))
    return tuple(sorted(names, key=lambda name: (name == "default", name)))


MOST_BYTES: Final = 100_000
"""Of a recipe's file; a shipped one has about 2,000."""


def load_recipe(name: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """A shipped recipe by name, one from a TOML file or a run's recipe.json, with overrides.

    Raises:
        OptionError: every unknown key with its nearest known one, and every bad value, at once.
        MissingFileError: neither a shipped recipe nor a file.
    """
    path = _path_of(name)
    if path.stat().st_size > MOST_BYTES:
        raise OptionError(f"{path} is no recipe: it has more than {MOST_BYTES:,} bytes")
    try:
        json = path.suffix == ".json"
        values = read_json(path) if json else tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise OptionError(f"{path} is no recipe: it is nested too deeply") from None
    except ValueError as error:
        raise OptionError(f"{path} is not TOML: {error}") from None
    for setting in settings:
        override(values, setting)
    return parse_recipe(values, str(name))


def parse_recipe(values: Mapping[str, Any], source: str = "recipe") -> Recipe:
    """Check plain values; raises OptionError with all faults at once."""
    return parse_section(Recipe, values, f"recipe {source}")


def parse_section(kind: type[SectionType], values: Mapping[str, Any], source: str) -> SectionType:
    """Check plain values of a part of a recipe, or of another kind of settings.

    Raises:
        OptionError: every unknown key with its nearest known one, and every bad value, at once.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(_fault(kind, fault) for fault in error.errors())
        raise OptionError(f"{source}: {faults}") from None


def _folder() -> Path:
    return Path(str(files("abag"))) / "resources" / "recipes"


def _path_of(name: str | Path) -> Path:
    shipped = _folder() / f"{name}.toml"
    if isinstance(name, str) and name in recipe_names():
        return shipped
    path = Path(name)
    if path.suffix in (".toml", ".json"):
        require_file(path)
        return path
    close = difflib.get_close_matches(str(name), recipe_names(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise MissingFileError(
        f"no recipe {str(name)!r}{hint} (recipes are {', '.join(recipe_names())}, or a .toml file)"
    )


def override(values: dict[str, Any], setting: str, example: str = "optimiser.lr=5e-4") -> None:
    """Change plain values by a ``--set KEY=VALUE``; raises OptionError for one that is none."""
    key, equals, text = setting.partition("=")
    keys = [part.strip() for part in key.split(".")]
    if not equals or not all(keys):
        raise OptionError(f"--set {setting!r} is not KEY=VALUE, for example {example}")
    level: Any = values
    for part in keys[:-1]:
        level = _value_under(level, part, setting)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text.strip()
    _value_under(level, keys[-1], setting)
    level[int(keys[-1]) if isinstance(level, list) else keys[-1]] = value


def _value_under(level: Any, part: str, setting: str) -> Any:
    """The value under a key, or under a number of a list; made where a table lacks it."""
    if isinstance(level, dict):
        return level.setdefault(part, {})
    if not isinstance(level, list):
        raise OptionError(f"--set {setting!r}: there is a value above {part!r}, no settings")
    if not (part.isdigit() and int(part) < len(level)):
        raise OptionError(
            f"--set {setting!r}: {part!r} is none of the {len(level)} terms, which count from 0"
        )
    return level[int(part)]


def _fault(kind: type[BaseModel], fault: Any) -> str:
    keys = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        known = {name for section in _kinds_at(kind, keys[:-1]) for name in section.model_fields}
        close = difflib.get_close_matches(keys[-1], sorted(known), n=1)
        return f"unknown key {'.'.join(keys)!r}" + (
            f"; did you mean {close[0]!r}?" if close else ""
        )
    message = fault["msg"].removeprefix("Value error, ")
    return f"{'.'.join(keys)}={fault['input']!r}: {message}" if keys else message


def field_description(kind: type[BaseModel], keys: Sequence[str]) -> str:
    """Description of a setting such as ``["optimiser", "lr"]``; empty where it has none."""
    for section in _kinds_at(kind, keys[:-1]):
        field = section.model_fields.get(keys[-1])
        if field is not None and field.description:
            return field.description
    return ""


def _kinds_at(kind: type[BaseModel], keys: Sequence[str]) -> list[type[BaseModel]]:
    """The models that may stand under some keys: one for a part, several for a loss term."""
    kinds = [kind]
    for part in keys:
        if part.isdigit() or part in _LOSSES:
            continue
        fields = [section.model_fields[part] for section in kinds if part in section.model_fields]
        kinds = [section for field in fields for section in _models_in(field.annotation)]
    return kinds


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Every model named in a type, such as both of ``A | B`` or the one of ``tuple[A, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


_LOSSES = frozenset(kind.model_fields["kind"].default for kind in _models_in(LossTerm))
"""Names that pydantic puts into the place of a fault to say which loss it tried."""
