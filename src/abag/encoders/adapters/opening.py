"""One door to every encoder."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.encoders.adapters.catalogue import (
    ENTRIES,
    CatalogueEntry,
    entry_named,
    read_facts,
    with_rule,
)
from abag.encoders.devices import PRECISIONS, chosen_device, chosen_precision
from abag.encoders.protocol import Encoder, EncoderFacts, LongChain
from abag.errors import EncoderError, installed

if TYPE_CHECKING:
    from abag.encoders.adapters.adapter import EncoderParts, NetworkEncoder, TransformerEncoder
    from abag.encoders.adapters.builtin import BuiltinEncoder

BUILTIN: Final = "builtin"
_NEEDS_TORCH: Final = (
    'encoders need PyTorch: pip install "abag[network]" for the built-in one, '
    'pip install "abag[encoders]" for the others'
)
LOADERS: Final = {
    "huggingface": "abag.encoders.adapters.huggingface",
    "ablang2": "abag.encoders.adapters.ablang2",
    "published": "abag.encoders.published.opening",
}
"""Module of the function ``load_NAME`` that reads the parts of an encoder."""


def encoder_ids() -> tuple[str, ...]:
    """Names that :func:`open_encoder` takes, without those on a hub (``hf:owner/name``)."""
    return (BUILTIN, *ENTRIES)


def encoder_facts(id_: str) -> EncoderFacts:
    """What is known of an encoder without loading or fetching anything.

    Raises:
        EncoderError: for an unknown id.
    """
    if id_ == BUILTIN:
        return read_facts()
    return entry_named(id_).facts()


def open_encoder(
    id_: str,
    *,
    folder: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    local_files_only: bool = False,
    adapter: Path | None = None,
    long: LongChain = LongChain.WINDOWS,
    rule: str | None = None,
    max_residues: int | None = None,
) -> Encoder:
    """Load an encoder, ready to encode.

    Args:
        id_: a name of the catalogue (``esm2-650m``), ``builtin``, or ``hf:owner/name``.
        folder: where its files lie, instead of the hub and its cache.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        precision: ``auto`` (bf16 where the hardware has units for it, else fp32; the
            built-in encoder is fp32 unless asked), ``fp32`` or ``bf16``.
        local_files_only: never ask the hub (``HF_HUB_OFFLINE=1`` does the same).
        adapter: folder of a LoRA adapter; its digest becomes part of the identity.
        long: what to do with molecules longer than the model was trained for.
        rule: for ``hf:``: the input rule by name, instead of finding it out. The identity says so.
        max_residues: for ``hf:``: residues read at once, where the configuration is wrong.

    Raises:
        EncoderError: for an unknown id, or files that are not this encoder's.
        UnavailableError: where an extra is not installed, or a hub cannot be reached.
        MissingFileError: for a folder that is not there.
    """
    chosen: dict[str, Any] = {"folder": folder, "device": device, "precision": precision}
    encoder: NetworkEncoder
    if id_ == BUILTIN:
        encoder = _builtin(**chosen, long=long)
    else:
        entry = _adjusted_entry(id_, rule, max_residues)
        encoder = opened(entry, **chosen, long=long, local_files_only=local_files_only)
    if adapter is not None:
        from abag.encoders.adapters.lora import load_adapter

        load_adapter(encoder, adapter)
    return encoder


def opened(
    entry: CatalogueEntry,
    *,
    folder: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    long: LongChain = LongChain.WINDOWS,
    local_files_only: bool = False,
) -> TransformerEncoder:
    """An encoder of the catalogue; see :func:`open_encoder` for the arguments."""
    torch = installed("torch", _NEEDS_TORCH)
    from abag.encoders.adapters.adapter import TransformerEncoder

    where = chosen_device(device)
    arithmetic = chosen_precision(precision, where)
    load = getattr(import_module(LOADERS[entry.loader]), f"load_{entry.loader}")
    dtype = getattr(torch, PRECISIONS[arithmetic])
    parts: EncoderParts = load(entry, folder, dtype, local_files_only)
    parts.network.to(where)
    return TransformerEncoder(parts, precision=arithmetic, long=long)


def _adjusted_entry(id_: str, rule: str | None, max_residues: int | None) -> CatalogueEntry:
    """What is known of an encoder of the catalogue or a hub, with what the caller adds."""
    entry = entry_named(id_)
    if (rule or max_residues) and entry.rule != "detect":
        raise EncoderError(f"the input rule and the limit of {id_} are known and cannot be changed")
    if rule:
        entry = with_rule(entry, rule)
    if max_residues:
        entry = replace(entry, id=f"{entry.id}#{max_residues}", max_residues=max_residues)
    return entry


def _builtin(folder: Path | None, device: str, precision: str, long: LongChain) -> BuiltinEncoder:
    installed("torch", _NEEDS_TORCH)
    from abag.encoders.adapters.builtin import BuiltinEncoder

    where = chosen_device(device)
    # It is small: the same rows on every machine are worth more than the time saved.
    arithmetic = chosen_precision("fp32" if precision == "auto" else precision, where)
    return BuiltinEncoder(folder, device=str(where), precision=arithmetic, long_chain=long)
