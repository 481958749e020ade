"""Encoders in the layout of Hugging Face transformers: loading, tokenizer, precision, device.

Knows families of architectures, no single model. Everything is read from a folder (the hub's cache
or the user's own), weights from safetensors, no code from a repository is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped
from numpy.typing import NDArray
from torch import Tensor, nn

from abag.antibody.alphabet import AMINO_ACIDS, RARE_RESIDUES
from abag.encoders.adapters.adapter import EncoderParts
from abag.encoders.adapters.catalogue import CatalogueEntry
from abag.encoders.adapters.revisions import locate
from abag.encoders.guard import MAX_UNKNOWN
from abag.encoders.input_rules import CHAIN, InputRule, rule_named
from abag.errors import EncoderError, UnavailableError, installed

NEEDS_TRANSFORMERS: Final = (
    "this encoder needs transformers: pip install \"abag[encoders]\", or use the encoder 'builtin'"
)

_WITHOUT_POOLER: Final = frozenset({"esm", "bert"})
"""Model types whose base class has a pooling layer that residue rows do not need."""

_HEADS: Final = ("pooler.", "contact_head.", "position_ids", "inv_freq", "original_inv_freq")
"""Parts that may be missing from a weights file: no residue row depends on them."""

_UNSTATED_LIMIT: Final = 1022
"""Residues read at once where a model's configuration has relative positions and no limit."""


def load_huggingface(
    entry: CatalogueEntry, folder: Path | None, dtype: torch.dtype, local_files_only: bool
) -> EncoderParts:
    """An encoder that transformers knows.

    Args:
        entry: from the catalogue; ``detect`` as its rule and 0 as width or limit are found out.
        folder: a local folder with config, tokenizer and safetensors weights.
        dtype: of the weights in memory.
        local_files_only: do not ask the hub (``HF_HUB_OFFLINE=1`` does the same).

    Raises:
        UnavailableError: where transformers is not installed or the hub cannot be reached.
        EncoderError: for files that are not this encoder's.
    """
    installed("transformers", NEEDS_TRANSFORMERS)
    source = locate(entry, folder=folder, local_files_only=local_files_only)
    vocabulary = HuggingFaceVocabulary(load_tokenizer(entry.id, source.tokenizer))
    network = load_network(entry.id, source.weights, dtype)
    rule = detected(entry.id, vocabulary) if entry.rule == "detect" else rule_named(entry.rule)
    facts = replace(
        entry.facts(source.revision),
        width=fitting_width(entry, network),
        max_residues=entry.max_residues or limit_of(network.config, rule),
    )
    names = (entry.repository,)
    return EncoderParts(facts, rule, vocabulary, network, last_hidden_state, names)


class HuggingFaceVocabulary:
    """A transformers tokenizer behind the interface that guard and adapter ask for."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        unknown, pad = tokenizer.unk_token_id, tokenizer.pad_token_id
        self.unknown_id: int | None = None if unknown is None else int(unknown)
        # It is masked, so a vocabulary without one may use 0.
        self.pad_id = 0 if pad is None else int(pad)

    def ids(self, text: str) -> NDArray[np.int64]:
        """Ids of a text without special tokens."""
        numbers = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return np.asarray(numbers, dtype=np.int64)

    def ids_with_specials(self, text: str) -> NDArray[np.int64]:
        """Ids with the special tokens that the tokenizer adds by itself."""
        return np.asarray(self.tokenizer(text, verbose=False)["input_ids"], dtype=np.int64)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The text of each id."""
        texts = self.tokenizer.convert_ids_to_tokens(list(ids))
        return ["" if token is None else str(token) for token in texts]

    def id_of(self, token: str) -> int | None:
        """Id of one token; None where the vocabulary lacks it."""
        number = self.tokenizer.get_vocab().get(token)
        return None if number is None else int(number)

    def pieces(self) -> Iterable[str]:
        """Every token of the vocabulary."""
        return cast(Iterable[str], self.tokenizer.get_vocab())


def load_tokenizer(encoder: str, folder: Path) -> Any:
    """The tokenizer of a folder; lower-casing is pinned off, since it makes residues unknown."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, do_lower_case=False
        )
    except ImportError as error:
        raise UnavailableError(
            f'{encoder}: the tokenizer needs a package: {error}; pip install "abag[encoders]"'
        ) from error
    except Exception as error:
        # Whatever a tokenizer file makes the library raise, the message names the file.
        raise EncoderError(
            f"{encoder}: no tokenizer could be read from {folder}: {_first_line(error)} "
            f"(a spiece.model needs the packages sentencepiece and protobuf)"
        ) from error


def load_network(encoder: str, folder: Path, dtype: torch.dtype) -> Any:
    """The network of a folder, without heads; weights that are missing are an error.

    transformers fills what a file lacks with random numbers and only logs it, which no later
    check would notice.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network, info = _with_attention(config, folder, dtype, "sdpa")
    except Exception as error:
        # As above: configuration and weights of a foreign folder fail in many ways.
        raise EncoderError(
            f"{encoder}: no model could be read from {folder}: {_first_line(error)}"
        ) from error
    missing = [k for k in info["missing_keys"] if not any(head in k for head in _HEADS)]
    mismatched = [str(k) for k in info.get("mismatched_keys", ())]
    if missing or mismatched:
        raise EncoderError(
            f"{encoder}: {len(missing) + len(mismatched)} weights are missing from {folder} or of "
            f"another shape, such as {', '.join(sorted([*missing, *mismatched])[:3])}"
        )
    return network.requires_grad_(False)


def _with_attention(
    config: Any, folder: Path, dtype: torch.dtype, attention: str
) -> tuple[Any, dict[str, Any]]:
    from transformers import AutoModel, T5EncoderModel

    model_class: Any = T5EncoderModel if config.model_type == "t5" else AutoModel
    options: dict[str, Any] = {}
    if config.model_type in _WITHOUT_POOLER:
        options["add_pooling_layer"] = False
    try:
        return cast(
            tuple[Any, dict[str, Any]],
            model_class.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                attn_implementation=attention,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            ),
        )
    except ValueError as error:
        if attention == "eager" or "attention" not in str(error).lower():
            raise
        return _with_attention(config, folder, dtype, "eager")


def last_hidden_state(
    network: nn.Module,
    ids: Int64[Tensor, "molecules tokens"],
    mask: Shaped[Tensor, "molecules tokens"],
) -> Float[Tensor, "molecules tokens width"]:
    """Hidden states of the last layer."""
    states = network(input_ids=ids, attention_mask=mask.long()).last_hidden_state
    return cast(Tensor, states)


def fitting_width(entry: CatalogueEntry, network: Any) -> int:
    """Width of a loaded network, refused where the catalogue says another.

    Raises:
        EncoderError: that names both.
    """
    width = int(network.config.hidden_size)
    if entry.width and width != entry.width:
        raise EncoderError(
            f"{entry.id} has residue rows of width {entry.width}, these files give {width}; they "
            f"are another model's (open them as hf:folder)"
        )
    return width


def limit_of(config: Any, rule: InputRule) -> int:
    """Residues that a model reads at once, from its configuration."""
    absolute = getattr(config, "max_position_embeddings", None)
    if not absolute:
        return _UNSTATED_LIMIT
    specials = max(rule.specials(1), rule.specials(2) if rule.pair else 0)
    # Models in the manner of RoBERTa and ESM begin to count after the padding index.
    return int(absolute) - specials - int(getattr(config, "pad_token_id", 0) or 0)


def detected(encoder: str, vocabulary: HuggingFaceVocabulary) -> InputRule:
    """The input rule of a tokenizer that the catalogue does not know: plain or spaced letters.

    Special tokens are those the tokenizer adds by itself; heavy and light chains go in one by
    one. The guard proves the result like any other rule.

    Raises:
        EncoderError: where neither way gives one token a residue; both are shown.
    """
    tried = []
    for spaced in (False, True):
        text = " ".join(AMINO_ACIDS) if spaced else AMINO_ACIDS
        ids = vocabulary.ids(text)
        if len(ids) == len(AMINO_ACIDS) and np.mean(ids == vocabulary.unknown_id) <= MAX_UNKNOWN:
            with_specials = vocabulary.ids_with_specials(text)
            start = next(
                i
                for i in range(len(with_specials))
                if (with_specials[i : i + len(ids)] == ids).all()
            )
            tokens = vocabulary.tokens(with_specials.tolist())
            return InputRule(
                "detected-spaced" if spaced else "detected-plain",
                spaced=spaced,
                single=(*tokens[:start], CHAIN, *tokens[start + len(ids) :]),
                read_as_x="".join(c for c in RARE_RESIDUES if unread(c, vocabulary)),
            )
        tried.append(f"{text[:15]!r}... as {' '.join(vocabulary.tokens(ids[:8].tolist()))}")
    raise EncoderError(
        f"{encoder}: the tokenizer gives no token a residue; it reads {' and '.join(tried)}. State "
        f"the input rule (rule=...) or choose a protein model that reads single residues"
    )


def unread(letter: str, vocabulary: HuggingFaceVocabulary) -> bool:
    """Whether a letter has no token of its own."""
    ids = vocabulary.ids(letter)
    return len(ids) != 1 or ids[0] == vocabulary.unknown_id


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
