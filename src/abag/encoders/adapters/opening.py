"""One door to every encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abag.encoders.adapters.catalogue import ENTRIES, CatalogueEntry, entry_named, with_rule
from abag.encoders.protocol import Encoder, EncoderFacts, LongChain
from abag.errors import EncoderError, UnavailableError

if TYPE_CHECKING:
    from abag.encoders.adapters.adapter import TransformerEncoder
    from abag.encoders.adapters.builtin import BuiltinEncoder
    from abag.encoders.adapters.lora import Adaptable

BUILTIN = "builtin"


def encoder_ids() -> tuple[str, ...]:
    """Names that :func:`open_encoder` takes, without those on a hub (``hf:owner/name``)."""
    return (BUILTIN, *ENTRIES)


def encoder_facts(id_: str) -> EncoderFacts:
    """What is known of an encoder without loading or fetching anything.

    Raises:
        EncoderError: for an unknown id.
    """
    if id_ == BUILTIN:
        from abag.encoders.adapters.builtin import read_facts

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
    if id_ == BUILTIN:
        builtin = _open_builtin(folder, device, precision, long)
        _adapt(builtin, adapter)
        return builtin
    encoder = _loaded(
        _entry(id_, rule, max_residues),
        local_files_only=local_files_only,
        folder=folder,
        device=device,
        precision=precision,
        long=long,
    )
    _adapt(encoder, adapter)
    return encoder


def _loaded(entry: CatalogueEntry, *, local_files_only: bool, **options: Any) -> TransformerEncoder:
    """An encoder by the loader of its entry; ``options`` are those that all loaders take."""
    _require_torch()
    if entry.loader == "ablang2":
        from abag.encoders.adapters.ablang2 import open_ablang2

        return open_ablang2(entry, **options)
    if entry.loader == "published":
        from abag.encoders.published.opening import open_published

        return open_published(entry, **options)
    from abag.encoders.adapters.huggingface import open_hugging_face

    return open_hugging_face(entry, local_files_only=local_files_only, **options)


def _entry(id_: str, rule: str | None, max_residues: int | None) -> CatalogueEntry:
    """What is known of an encoder of the catalogue or a hub, with what the caller adds."""
    entry = entry_named(id_)
    if (rule or max_residues) and entry.rule != "detect":
        raise EncoderError(f"the input rule and the limit of {id_} are known and cannot be changed")
    if rule:
        entry = with_rule(entry, rule)
    if max_residues:
        entry = replace(entry, id=f"{entry.id}#{max_residues}", max_residues=max_residues)
    return entry


def _adapt(encoder: Adaptable, adapter: Path | None) -> None:
    if adapter is not None:
        from abag.encoders.adapters.lora import load_adapter

        load_adapter(encoder, adapter)


def _open_builtin(
    folder: Path | None, device: str, precision: str, long: LongChain
) -> BuiltinEncoder:
    _require_torch()
    from abag.encoders.adapters.adapter import chosen_device, chosen_precision
    from abag.encoders.adapters.builtin import BuiltinEncoder

    where = chosen_device(device)
    # It is small: the same rows on every machine are worth more than the time saved.
    arithmetic = chosen_precision("fp32" if precision == "auto" else precision, where)
    return BuiltinEncoder(
        folder,
        device=str(where),
        precision="bf16" if arithmetic == "bf16" else "fp32",
        long_chain=long,
    )


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise UnavailableError(
            'encoders need PyTorch: pip install "abag[network]" for the built-in one, '
            'pip install "abag[encoders]" for the others'
        ) from None
