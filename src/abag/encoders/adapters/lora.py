"""LoRA adapters (Hu et al., 2021) through PEFT, as part of an encoder's identity.

An adapter changes the network in place, so an encoder has one or none: after :func:`load_adapter`
or :func:`new_lora` the encoder object is the adapted one, and its identity says which. The digest
covers the adapter's tensors and settings, so a stored embedding can never be taken for that of
another adapter or of none.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from abag.errors import EncoderError, FileFormatError, installed
from abag.files import (
    read_json,
    read_tensors,
    require_file,
    require_folder,
    write_json,
    write_tensors,
)
from abag.files.tensors import digest_of

if TYPE_CHECKING:
    from torch import Tensor

    from abag.encoders.protocol import TrainableEncoder

SETTINGS: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
SEAL: Final = "abag.json"
"""File of :func:`save_lora` with the digest of both others; adapters of PEFT have none."""

TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "t5": ("q", "k", "v", "o"),
    "esm": ("query", "key", "value"),
    "bert": ("query", "key", "value"),
    "roberta": ("query", "key", "value"),
    "esmc": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "builtin": ("query_key_value", "attention_out"),
}
"""Attention projections that are adapted by default, by the model type of the configuration."""

_NOT_IN_DIGEST: Final = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "inference_mode",
        "lora_dropout",
        "peft_version",
        "revision",
        "task_type",
    }
)
"""Settings of a saved adapter that do not change what it computes in inference."""


def new_lora(
    encoder: TrainableEncoder,
    *,
    r: int = 4,
    alpha: int = 8,
    dropout: float = 0.1,
    targets: Sequence[str] | None = None,
    seed: int = 0,
) -> list[Tensor]:
    """Put a fresh, trainable adapter on an encoder; it changes nothing before it is trained.

    Args:
        encoder: changed in place.
        r: rank of the update of each projection.
        alpha: the update is scaled by ``alpha / r``.
        dropout: on the input of the update, in training mode only.
        targets: names of the linear layers; by default the attention projections.
        seed: of the first of the two factors (the second starts at zero).

    Returns:
        The trainable parameters.

    Raises:
        EncoderError: where there is an adapter already, or no such layers.
        UnavailableError: where PEFT is not installed.
    """
    import torch

    peft = _peft()
    _require_bare(encoder)
    config = peft.LoraConfig(
        r=r, lora_alpha=alpha, lora_dropout=dropout, target_modules=_targets(encoder, targets)
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            network = _wrapped(peft, encoder, config)
        except ValueError as error:
            raise EncoderError(
                f"{encoder.facts.id}: no adapter on {targets}: {str(error).splitlines()[0]}"
            ) from None
    encoder.network = network.eval()
    encoder.adapter_digest = lambda: adapter_digest(_settings(network), _tensors(network))
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def load_adapter(encoder: TrainableEncoder, folder: Path) -> None:
    """Put a saved adapter on an encoder, in place.

    Args:
        encoder: the base it was made for, without an adapter.
        folder: with ``adapter_config.json`` and ``adapter_model.safetensors``.

    Raises:
        MissingFileError: where a file is not there.
        EncoderError: for an adapter of another base model (by name, layers or shapes), of
            another kind than LoRA, or where the encoder has one already.
        UnavailableError: where PEFT is not installed.
    """
    settings, tensors = read_adapter(folder)
    apply_adapter(encoder, settings, tensors, str(folder))


def apply_adapter(
    encoder: TrainableEncoder,
    settings: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    name: str,
) -> None:
    """Put an adapter that was read from ``name`` on an encoder; see :func:`load_adapter`."""
    peft = _peft()
    _require_bare(encoder)
    _require_base(encoder, name, settings)
    _require_layers(encoder, name, tensors)
    network = _wrapped(peft, encoder, _config(peft, name, settings))
    expected = {key: tuple(t.shape) for key, t in _tensors(network).items()}
    got = {key: tuple(t.shape) for key, t in tensors.items()}
    if expected != got:
        encoder.network = network.unload()
        key = min(k for k in {*expected, *got} if expected.get(k) != got.get(k))
        raise EncoderError(
            f"the adapter {name} does not fit {encoder.facts.id}: {key} should be "
            f"{expected.get(key, 'absent')}, is {got.get(key, 'absent')}"
        )
    peft.set_peft_model_state_dict(network, dict(tensors))
    encoder.network = network.eval()
    digest = adapter_digest(settings, tensors)
    encoder.adapter_digest = lambda: digest


def _wrapped(peft: Any, encoder: TrainableEncoder, config: Any) -> Any:
    """The network with an adapter; nothing a user could mend is said on the way."""
    with warnings.catch_warnings():
        # PEFT asks transformers 5 for a property under its old name.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is", FutureWarning)
        return peft.get_peft_model(encoder.network, config)


def save_lora(encoder: TrainableEncoder, folder: Path) -> str:
    """Write an encoder's adapter in PEFT's layout and return its digest.

    The base is written as ``id@revision``, so that it is refused on another one.

    Raises:
        EncoderError: where the encoder has no adapter.
    """
    settings, tensors = adapter_content(encoder)
    digest = adapter_digest(settings, tensors)
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})
    write_json(folder / SETTINGS, settings)
    write_json(folder / SEAL, {"digest": digest}, seal=True)
    return digest


def adapter_content(encoder: TrainableEncoder) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of an encoder's adapter: what :func:`apply_adapter` takes.

    Raises:
        EncoderError: where the encoder has no adapter.
    """
    if not has_adapter(encoder):
        raise EncoderError(f"{encoder.facts.id} has no adapter to save")
    settings = _settings(encoder.network)
    settings["base_model_name_or_path"] = f"{encoder.facts.id}@{encoder.facts.revision}"
    settings["inference_mode"] = True
    tensors = _tensors(encoder.network)
    return settings, {name: t.detach().cpu().contiguous() for name, t in tensors.items()}


def adapter_digest(settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of an adapter's settings and tensors."""
    in_digest = {k: v for k, v in settings.items() if k not in _NOT_IN_DIGEST}
    return digest_of(tensors, json.dumps(in_digest, sort_keys=True, default=str))[:16]


def digest_of_folder(folder: Path) -> str:
    """Digest of a saved adapter: what :func:`load_adapter` will put into the identity."""
    return adapter_digest(*read_adapter(folder))


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Settings and tensors of a saved adapter, of PEFT or of :func:`save_lora`.

    Raises:
        MissingFileError, EncoderError: see :func:`read_settings`.
        FileFormatError: the weights are damaged, or they and the settings are not those that
            were saved here.
    """
    settings = read_settings(folder)
    tensors, _ = read_tensors(folder / WEIGHTS)
    sealed = read_json(folder / SEAL) if (folder / SEAL).exists() else None
    if sealed is not None and sealed != {"digest": adapter_digest(settings, tensors)}:
        raise FileFormatError(
            f"{folder} does not hold the adapter that was saved there ({SETTINGS} or {WEIGHTS} "
            "was changed); copy it again"
        )
    return settings, tensors


def read_settings(folder: Path) -> dict[str, Any]:
    """Settings of a saved LoRA adapter.

    Raises:
        MissingFileError: where a file is not there.
        EncoderError: for pickled weights, or another kind of adapter.
    """
    require_folder(folder)
    if not (folder / WEIGHTS).exists() and (folder / "adapter_model.bin").exists():
        raise EncoderError(
            f"{folder} holds adapter_model.bin alone, a pickled file; save it again with PEFT's "
            f"save_pretrained(safe_serialization=True)"
        )
    require_file(folder / WEIGHTS)
    settings = read_json(folder / SETTINGS)
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        raise EncoderError(f"{folder / SETTINGS} is not that of a LoRA adapter")
    if isinstance(settings.get("target_modules"), list):
        settings["target_modules"] = sorted(settings["target_modules"])
    return cast(dict[str, Any], settings)


def freeze_adapter(encoder: TrainableEncoder) -> None:
    """End the training of an adapter: no gradients any more, and a digest that is final."""
    settings, tensors = adapter_content(encoder)
    encoder.network.eval().requires_grad_(False)
    digest = adapter_digest(settings, tensors)
    encoder.adapter_digest = lambda: digest


def has_adapter(encoder: TrainableEncoder) -> bool:
    """Whether an encoder carries an adapter."""
    return hasattr(encoder.network, "peft_config")


def _require_bare(encoder: TrainableEncoder) -> None:
    if has_adapter(encoder):
        raise EncoderError(
            f"{encoder.facts.id} carries an adapter already; open the encoder anew for another one"
        )


def _require_base(encoder: TrainableEncoder, source: str, settings: Mapping[str, Any]) -> None:
    name = str(settings.get("base_model_name_or_path") or "")
    base, _, revision = name.partition("@")
    if not base or base.startswith((".", "/", "~")) or "\\" in base:
        return  # a path of some machine says nothing; layers and shapes are checked all the same
    if base not in encoder.base_names:
        raise EncoderError(
            f"the adapter {source} was made for {name}, not for {' or '.join(encoder.base_names)}"
        )
    if revision and revision != encoder.facts.revision:
        raise EncoderError(
            f"the adapter {source} was made for revision {revision} of {base}; this is revision "
            f"{encoder.facts.revision}"
        )


def _require_layers(encoder: TrainableEncoder, source: str, tensors: Mapping[str, Tensor]) -> None:
    layers = {name for name, _ in encoder.network.named_modules()}
    for name in tensors:
        layer = name.removeprefix("base_model.model.").split(".lora_")[0]
        if ".lora_" in name and layer not in layers:
            raise EncoderError(
                f"the adapter {source} changes a layer {layer}, which {encoder.facts.id} does not "
                f"have; it was made for another model"
            )


def _config(peft: Any, source: str, settings: Mapping[str, Any]) -> Any:
    """From the dictionary, not from the folder: PEFT asks a hub for what a folder lacks."""
    fields = peft.LoraConfig.__dataclass_fields__
    unknown = [k for k, v in settings.items() if k not in fields and v and k not in _NOT_IN_DIGEST]
    if unknown:
        raise EncoderError(
            f"the adapter {source} has settings that this version of PEFT does not know: "
            f"{', '.join(sorted(unknown))}; install the version it was made with"
        )
    if settings.get("init_lora_weights", True) not in (True, False, "gaussian"):
        raise EncoderError(
            f"{source}: init_lora_weights={settings['init_lora_weights']!r} changes "
            f"the base weights too; save it again converted to plain LoRA"
        )
    known = {k: v for k, v in settings.items() if k in fields}
    # The base has been checked by name already; PEFT would compare it with a folder's path.
    known |= {"base_model_name_or_path": None, "inference_mode": True}
    return peft.LoraConfig(**known)


def _targets(encoder: TrainableEncoder, targets: Sequence[str] | None) -> list[str]:
    if targets is not None:
        return sorted(targets)
    config = getattr(encoder.network, "config", None)
    kind = getattr(config, "model_type", encoder.facts.id)
    if kind not in TARGETS:
        raise EncoderError(
            f"{encoder.facts.id}: name the linear layers to adapt (targets=...); the default is "
            f"known for {', '.join(TARGETS)} networks"
        )
    return list(TARGETS[kind])


def _settings(network: Any) -> dict[str, Any]:
    config = network.peft_config["default"]
    content = config.to_dict()
    kind = content.get("peft_type")
    content["peft_type"] = str(getattr(kind, "value", kind))
    if content.get("target_modules") is not None:
        content["target_modules"] = sorted(content["target_modules"])
    return cast(dict[str, Any], json.loads(json.dumps(content, default=_plain)))


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def _tensors(network: Any) -> dict[str, Tensor]:
    return cast(
        "dict[str, Tensor]", _peft().get_peft_model_state_dict(network, save_embedding_layers=False)
    )


def _peft() -> Any:
    return installed("peft", 'LoRA adapters need peft: pip install "abag[encoders]"')
