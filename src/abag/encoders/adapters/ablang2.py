"""AbLang2: the network class of the package ``ablang2``, with weights read from safetensors.

The package's own loader fetches a pickled file without checksum into its installation folder, and
its ``pretrained`` class pools special tokens; neither is used. What is used of it is the network,
``ablang2.models.ablang2.ablang.AbLang``, and its vocabulary (package 0.2.1).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from jaxtyping import Float, Int64, Shaped
from numpy.typing import NDArray
from torch import Tensor, nn

from abag.encoders.adapters.adapter import (
    PRECISIONS,
    TransformerEncoder,
    chosen_device,
    chosen_precision,
)
from abag.encoders.adapters.catalogue import CatalogueEntry
from abag.encoders.adapters.conversion import WEIGHTS
from abag.encoders.adapters.revisions import folder_digest, require_safetensors
from abag.encoders.input_rules import rule_named
from abag.encoders.protocol import LongChain
from abag.errors import EncoderError, UnavailableError
from abag.files import read_json, require_folder

SETTINGS: Final = "hparams.json"
TOKENS: Final = "<MRHKDESTNQCGPAVIFYWL->*X|"
"""The vocabulary in the order of its ids: start, 20 residues, padding, end, mask, X, separator."""

_NEEDED: Final = (
    "vocab_size",
    "hidden_embed_size",
    "n_attn_heads",
    "n_encoder_blocks",
    "pad_tkn",
    "mask_tkn",
    "layer_norm_eps",
    "a_fn",
)


class AbLang2Vocabulary:
    """One character, one token."""

    unknown_id: int | None = None
    pad_id: int = TOKENS.index("-")

    def ids(self, text: str) -> NDArray[np.int64]:
        """Ids of a text; a character the vocabulary lacks raises :class:`EncoderError`."""
        if foreign := set(text) - set(TOKENS):
            raise EncoderError(f"ablang2 has no token for {', '.join(sorted(foreign))}")
        return np.array([TOKENS.index(letter) for letter in text], dtype=np.int64)

    def ids_with_specials(self, text: str) -> None:
        """None: the package's tokenizer is given its special tokens in the text."""

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The text of each id."""
        return [TOKENS[i] for i in ids]

    def id_of(self, token: str) -> int | None:
        """Id of one token; None where the vocabulary lacks it."""
        return TOKENS.index(token) if len(token) == 1 and token in TOKENS else None

    def pieces(self) -> Iterable[str]:
        """Every token of the vocabulary."""
        return TOKENS


def open_ablang2(
    entry: CatalogueEntry,
    *,
    folder: Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    long: LongChain = LongChain.WINDOWS,
) -> TransformerEncoder:
    """Load AbLang2 from a folder with ``hparams.json`` and ``model.safetensors``.

    Raises:
        UnavailableError: where the package is not installed or no folder is given.
        EncoderError: for files that are not AbLang2's.
    """
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
    where = chosen_device(device)
    arithmetic = chosen_precision(precision, where)
    network = _loaded(network_class, folder)
    return TransformerEncoder(
        entry.facts(folder_digest(folder)),
        rule_named(entry.rule),
        AbLang2Vocabulary(),
        network.to(device=where, dtype=PRECISIONS[arithmetic]),
        _rows,
        precision=arithmetic,
        long=long,
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
    if missing := [name for name in _NEEDED if name not in settings]:
        raise EncoderError(f"ablang2: {folder / SETTINGS} lacks {', '.join(missing)}")
    network = network_class(
        vocab_size=settings["vocab_size"],
        hidden_embed_size=settings["hidden_embed_size"],
        n_attn_heads=settings["n_attn_heads"],
        n_encoder_blocks=settings["n_encoder_blocks"],
        padding_tkn=settings["pad_tkn"],
        mask_tkn=settings["mask_tkn"],
        layer_norm_eps=settings["layer_norm_eps"],
        a_fn=settings["a_fn"],
    )
    try:
        network.load_state_dict(load_file(folder / WEIGHTS))
    except RuntimeError as error:
        raise EncoderError(
            f"ablang2: {folder / WEIGHTS} does not fit the network that {SETTINGS} describes: "
            f"{str(error).splitlines()[0]}"
        ) from None
    return network.requires_grad_(False)


def _rows(
    network: nn.Module,
    ids: Int64[Tensor, "molecules tokens"],
    mask: Shaped[Tensor, "molecules tokens"],
) -> Float[Tensor, "molecules tokens width"]:
    del mask  # the network finds padding by its id
    representation = cast(Any, network).AbRep(ids)
    return cast(Tensor, representation.last_hidden_states)
