"""Small random models of real architectures, with real tokenizer vocabularies, in folders.

Nothing is downloaded: configuration, vocabulary and weights are written here. The vocabularies are
those of the published tokenizers (ESM-2, ESM-C, ProtT5, ProtBert); the weights are random.
"""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from abag.encoders.adapters.adapter import TransformerEncoder
from abag.encoders.adapters.catalogue import ENTRIES, CatalogueEntry, entry_named

WIDTH = 16
LIMIT = 64

ESM_VOCABULARY = (
    "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <null_1> <mask>"
)
BERT_VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] L A G V E S I K R D T P N Q F Y M H C W X U B Z O"
PROTT5_RESIDUES = "ALGVSREDTIPKFQNYMHWCXBOUZ"

HEAVY = "EVQLVESGGGLVQPGGSLRLSCAAS"
LIGHT = "DIQMTQSPSSLSASVGDR"
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQ"


def write_esm(folder: Path, width: int = WIDTH, seed: int = 0) -> None:
    from transformers import EsmConfig, EsmModel, EsmTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text(ESM_VOCABULARY.replace(" ", "\n"))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = EsmConfig(
        vocab_size=33, hidden_size=width, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=32, max_position_embeddings=1026, position_embedding_type="rotary",
        token_dropout=True, emb_layer_norm_before=False, pad_token_id=1, mask_token_id=32,
        initializer_range=0.3,
    )  # fmt: skip
    _saved(EsmModel, config, folder, seed, add_pooling_layer=False)


def write_esmc(folder: Path) -> None:
    from transformers import EsmcConfig, EsmcModel, EsmcTokenizer

    EsmcTokenizer().save_pretrained(folder)
    config = EsmcConfig(
        hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        initializer_range=0.3,
    )  # fmt: skip
    _saved(EsmcModel, config, folder)


def write_bert(folder: Path) -> None:
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text(BERT_VOCABULARY.replace(" ", "\n"))
    # No word about case: the loader has to pin it, since the class lower-cases by default.
    write_tokenizer_config(folder, tokenizer_class="BertTokenizer")
    config = BertConfig(
        vocab_size=30, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=32, max_position_embeddings=512, initializer_range=0.3,
    )  # fmt: skip
    _saved(BertModel, config, folder, add_pooling_layer=False)


def write_t5(folder: Path) -> None:
    """The ProtT5 vocabulary as ``tokenizer.json``."""
    from transformers import T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{letter}", -2.5 - 0.05 * i) for i, letter in enumerate(PROTT5_RESIDUES)]
    pieces += [(f"<extra_id_{i}>", 0.0) for i in range(99, -1, -1)]
    T5Tokenizer(vocab=pieces).save_pretrained(folder)
    _write_t5_network(folder)


def write_t5_sentencepiece(folder: Path) -> None:
    """The ProtT5 vocabulary as the ``spiece.model`` that its repository holds."""
    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    # Residue i of the vocabulary occurs 25 - i times, so that the ids come in this order.
    text = [" ".join(PROTT5_RESIDUES[: 25 - i]) for i in range(25)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, model_type="word", vocab_size=28,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=1.0, minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.model").write_bytes(model.getvalue())
    write_tokenizer_config(folder, tokenizer_class="T5Tokenizer", extra_ids=100)
    _write_t5_network(folder)


def _write_t5_network(folder: Path) -> None:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=128, d_model=WIDTH, d_kv=4, d_ff=32, num_layers=2, num_heads=4,
        feed_forward_proj="relu", initializer_factor=1.0,
    )  # fmt: skip
    _saved(T5EncoderModel, config, folder)


def write_ablang2(folder: Path) -> None:
    settings = {
        "vocab_size": 26, "hidden_embed_size": WIDTH, "n_attn_heads": 4, "n_encoder_blocks": 2,
        "pad_tkn": 21, "mask_tkn": 23, "layer_norm_eps": 1e-12, "a_fn": "gelu",
    }  # fmt: skip
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hparams.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    network = ablang2_class()(
        26, WIDTH, 4, 2, 21, 23, layer_norm_eps=1e-12, a_fn="gelu"
    ).requires_grad_(False)
    tensors = {name: t.clone() for name, t in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")


def ablang2_class() -> Any:
    """The package's network where it is installed, else a stand-in of the same interface."""
    try:
        from ablang2.models.ablang2.ablang import AbLang
    except ImportError:
        _install_ablang2_stand_in()
        from ablang2.models.ablang2.ablang import AbLang
    return AbLang


def _install_ablang2_stand_in() -> None:
    names = ["ablang2", "ablang2.models", "ablang2.models.ablang2", "ablang2.models.ablang2.ablang"]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[names[-1]].AbLang = AbLangStandIn  # type: ignore[attr-defined]


class AbLangStandIn(torch.nn.Module):
    """``AbLang`` as far as the adapter uses it: constructor, ``AbRep(ids).last_hidden_states``."""

    def __init__(
        self, vocab_size: int, hidden_embed_size: int, n_attn_heads: int, n_encoder_blocks: int,
        padding_tkn: int, mask_tkn: int, layer_norm_eps: float = 1e-12, a_fn: str = "gelu",
    ) -> None:  # fmt: skip
        super().__init__()
        self.AbRep = _Representation(
            vocab_size, hidden_embed_size, n_attn_heads, n_encoder_blocks, padding_tkn
        )


class _Representation(torch.nn.Module):
    def __init__(self, vocabulary: int, width: int, heads: int, blocks: int, padding: int) -> None:
        super().__init__()
        self.padding = padding
        self.aa_embed_layer = torch.nn.Embedding(vocabulary, width, padding_idx=padding)
        layer = torch.nn.TransformerEncoderLayer(width, heads, 32, batch_first=True, dropout=0.0)
        self.blocks = torch.nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)

    def forward(self, ids: torch.Tensor) -> types.SimpleNamespace:
        place = torch.arange(ids.shape[1], dtype=torch.float32).cos()[:, None]
        rows = self.aa_embed_layer(ids)
        hidden = self.blocks(rows + place.to(rows.dtype), src_key_padding_mask=ids == self.padding)
        return types.SimpleNamespace(last_hidden_states=hidden)


def write_tokenizer_config(folder: Path, **content: Any) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(content))


def _saved(model: Any, config: Any, folder: Path, seed: int = 0, **options: Any) -> None:
    torch.manual_seed(seed)
    model(config, **options).save_pretrained(folder)


@dataclass(frozen=True)
class Case:
    """One adapter: what it is called, how its folder is written, what its tokens must be."""

    id: str
    write: Callable[[Path], None]
    single: str
    """Tokens of the chain ``EVQ``."""
    pair: str
    """Tokens of the antibody ``EVQ`` + ``DIU``, row by row (`` / `` between rows)."""
    antigens: bool = True

    def entry(self) -> CatalogueEntry:
        if self.id.startswith("hf:"):
            return replace(entry_named(self.id), max_residues=LIMIT)
        return replace(ENTRIES[self.id], width=WIDTH, max_residues=LIMIT)

    def open(self, folder: Path, **options: Any) -> TransformerEncoder:
        from abag.encoders.adapters.opening import opened

        if self.id == "ablang2":
            ablang2_class()
        return opened(self.entry(), folder=folder, **{"device": "cpu", "precision": "fp32",
                                                      **options})  # fmt: skip


_ESM = ("<cls> E V Q <eos>", "<cls> E V Q <eos> / <cls> D I U <eos>")
_T5 = ("▁E ▁V ▁Q </s>", "▁E ▁V ▁Q </s> / ▁D ▁I ▁X </s>")
_BERT = ("[CLS] E V Q [SEP]", "[CLS] E V Q [SEP] / [CLS] D I X [SEP]")

CASES = (
    Case("esm2-8m", write_esm, *_ESM),
    Case("esmc-300m", write_esmc, *_ESM),
    Case("prott5", write_t5_sentencepiece, *_T5),
    Case("igt5", write_t5, _T5[0], "▁E ▁V ▁Q </s> ▁D ▁I ▁X </s>", antigens=False),
    Case("igt5-unpaired", write_t5, *_T5, antigens=False),
    Case("igbert", write_bert, _BERT[0], "[CLS] E V Q [SEP] D I X [SEP]", antigens=False),
    Case("igbert-unpaired", write_bert, *_BERT, antigens=False),
    Case("ablang2", write_ablang2, "< E V Q > |", "< E V Q > | < D I X >", antigens=False),
    Case("hf:any/esm", write_esm, *_ESM),
    Case("hf:any/bert", write_bert, _BERT[0], "[CLS] E V Q [SEP] / [CLS] D I U [SEP]"),
    Case("hf:any/t5", write_t5, _T5[0], "▁E ▁V ▁Q </s> / ▁D ▁I ▁U </s>"),
)
"""A new adapter is tested by adding a line here."""
