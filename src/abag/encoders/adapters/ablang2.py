"""AbLang2: the network class of the package ``ablang2``, with weights read from safetensors.

The package's own loader fetches a pickled file without checksum into its installation folder, and
its ``pretrained`` class pools special tokens; neither is used. What is used of it is the network,
``ablang2.models.ablang2.ablang.AbLang``, and its vocabulary (package 0.2.1).
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final, cast

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn

from abag.encoders.adapters.adapter import EncoderParts
from abag.encoders.adapters.catalogue import CatalogueEntry
from abag.encoders.adapters.conversion import WEIGHTS
from abag.encoders.adapters.revisions import folder_digest, require_safetensors
from abag.encoders.input_rules import rule_named
from abag.encoders.published.letters import LetterVocabulary
from abag.errors import EncoderError, UnavailableError
from abag.files import read_json, require_folder

SETTINGS: Final = "hparams.json"
TOKENS: Final = "<MRHKDESTNQCGPAVIFYWL->*X|"
"""The vocabulary in the order of its ids: start, 20 residues, padding, end, mask, X, separator."""

_ARGUMENTS: Final = {
    name: {"pad_tkn": "padding_tkn"}.get(name, name)
    for name in ("vocab_size", "hidden_embed_size", "n_attn_heads", "n_encoder_blocks", "pad_tkn",
                 "mask_tkn", "layer_norm_eps", "a_fn")
}  # fmt: skip
"""Settings that the network needs, and what its class calls them."""


def load_ablang2(
    entry: CatalogueEntry, folder: Path | None, dtype: torch.dtype, local_files_only: bool
) -> EncoderParts:
    """AbLang2 from a folder with ``hparams.json`` and ``model.safetensors``.

    Raises:
        UnavailableError: where the package is not installed or no folder is given.
        EncoderError: for files that are not AbLang2's.
    """
    del local_files_only
    network_class = _network_class()
    if folder is None:
        raise UnavailableError(
            "ablang2 is published as a pickled file, which abag does not fetch. Let the package "
            "fetch it once (python -c 'import ablang2; ablang2.pretrained()'), convert its "
            "model.pt with abag.encoders.adapters.conversion.convert_weights(file, folder), and "
            "name that folder (--folder, in Python folder=...)"
        )
    require_folder(folder)
    require_safetensors(entry.id, folder)
    return EncoderParts(
        entry.facts(folder_digest(folder)),
        rule_named(entry.rule),
        LetterVocabulary(TOKENS, mask="*", padding="-"),
        _loaded(network_class, folder).to(dtype),
        _hidden_states,
    )


def _network_class() -> Any:
    try:
        return importlib.import_module("ablang2.models.ablang2.ablang").AbLang
    except ImportError as error:
        raise UnavailableError(
            f"the encoder ablang2 needs its package: pip install ablang2 ({error})"
        ) from None


def _loaded(network_class: Any, folder: Path) -> Any:
    from safetensors.torch import load_file

    settings = read_json(folder / SETTINGS)
    if missing := [name for name in _ARGUMENTS if name not in settings]:
        raise EncoderError(f"ablang2: {folder / SETTINGS} lacks {', '.join(missing)}")
    network = network_class(**{argument: settings[name] for name, argument in _ARGUMENTS.items()})
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as error:
        raise EncoderError(
            f"ablang2: {folder / WEIGHTS} does not fit the network that {SETTINGS} describes: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return network.requires_grad_(False)


def _hidden_states(
    network: nn.Module,
    ids: Int64[Tensor, "molecules tokens"],
    mask: Shaped[Tensor, "molecules tokens"],
) -> Float[Tensor, "molecules tokens width"]:
    del mask  # the network finds padding by its id
    representation = cast(Any, network).AbRep(ids)
    return cast(Tensor, representation.last_hidden_states)
