"""Encoders of true size, tables to encode, and what a residue costs.

Weights are random, but for AntiBERTy's, which are the published ones (``abag encoders fetch``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from abag.antibody.alphabet import AMINO_ACIDS
from abag.encoders.adapters.adapter import EncoderParts, TransformerEncoder
from abag.encoders.adapters.catalogue import entry_named
from abag.encoders.adapters.huggingface import HuggingFaceVocabulary, last_hidden_state
from abag.encoders.devices import PRECISIONS
from abag.encoders.input_rules import rule_named
from abag.encoders.protocol import Molecule, Role
from abag.encoders.published.letters import antiberty_vocabulary
from abag.encoders.published.opening import AntiBERTy
from abag.encoders.published.wheels import fetched_tensors

ESM_VOCABULARY = (
    "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <null_1> <mask>"
)
T5_RESIDUES = "ALGVSREDTIPKFQNYMHWCXBOUZ"

# Trastuzumab, the public variable domains (INN; PDB 1n8z).
HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)


@dataclass(frozen=True)
class Architecture:
    """Sizes of a published encoder."""

    id: str
    layers: int
    width: int
    heads: int
    feed_forward: int
    inner: int
    """Width of all heads together; differs from ``width`` in T5."""

    def flop(self, length: int) -> float:
        """Floating-point operations of one molecule of ``length`` tokens, two for each product.

        Per layer and token: four projections between width and inner, two of the feed-forward,
        and attention's two products with ``length`` keys. Everything else is left out.
        """
        weights = 4 * self.width * self.inner + 2 * self.width * self.feed_forward
        return 2.0 * self.layers * length * (weights + 2 * length * self.inner)


ARCHITECTURES = {
    a.id: a
    for a in (
        Architecture("esm2-8m", 6, 320, 20, 1280, 320),
        Architecture("esm2-35m", 12, 480, 20, 1920, 480),
        Architecture("esm2-3b", 36, 2560, 40, 10240, 2560),
        Architecture("igt5", 24, 1024, 32, 16384, 4096),
        Architecture("antiberty", 8, 512, 8, 2048, 512),
    )
}


@dataclass(frozen=True)
class Loaded:
    """A network with its tokenizer, for the plain loop and for ours."""

    architecture: Architecture
    network: Any
    tokenizer: Any
    device: torch.device
    paired: bool
    spaced: bool = False
    """Whether the tokenizer of the plain loop wants spaces between the residues of a chain."""

    def taken(self, molecules: Sequence[Molecule]) -> tuple[Molecule, ...]:
        """Those of the roles that the encoder was trained on."""
        roles = entry_named(self.architecture.id).roles
        return tuple(molecule for molecule in molecules if molecule.role in roles)

    def in_precision(self, precision: str) -> Loaded:
        """The same object: the network is turned in place."""
        self.network.to(getattr(torch, PRECISIONS[precision]))
        return self

    def encoder(self, precision: str) -> TransformerEncoder:
        """The package's adapter around the network."""
        entry = entry_named(self.architecture.id)
        is_antiberty = entry.id == "antiberty"
        parts = EncoderParts(
            entry.facts("random weights"),
            rule_named(entry.rule),
            antiberty_vocabulary() if is_antiberty else HuggingFaceVocabulary(self.tokenizer),
            self.in_precision(precision).network,
            last_hidden_state,
        )
        return TransformerEncoder(parts, precision=precision)


def load(id_: str, device: torch.device, precision: str) -> Loaded:
    """The architecture with random weights, made on the device; nothing is fetched."""
    from transformers import EsmConfig, EsmModel, T5Config, T5EncoderModel

    a = ARCHITECTURES[id_]
    if id_ == "antiberty":
        real = AntiBERTy()
        real.load_state_dict(fetched_tensors(id_))
        bert = real.bert.to(device=device, dtype=getattr(torch, PRECISIONS[precision]))
        bert = bert.eval().requires_grad_(False)
        return Loaded(a, bert, _tokenizer(id_), device, paired=False, spaced=True)
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, PRECISIONS[precision]))
    with torch.device(device):
        if id_.startswith("esm2"):
            network: Any = EsmModel(
                EsmConfig(
                    vocab_size=33, hidden_size=a.width, num_hidden_layers=a.layers,
                    num_attention_heads=a.heads, intermediate_size=a.feed_forward,
                    max_position_embeddings=1026, position_embedding_type="rotary",
                    token_dropout=True, pad_token_id=1, mask_token_id=32,
                ),
                add_pooling_layer=False,
            )  # fmt: skip
        else:
            network = T5EncoderModel(
                T5Config(
                    vocab_size=128, d_model=a.width, d_kv=a.inner // a.heads, d_ff=a.feed_forward,
                    num_layers=a.layers, num_heads=a.heads, feed_forward_proj="relu",
                )
            )  # fmt: skip
    torch.set_default_dtype(torch.float32)
    network = network.eval().requires_grad_(False)
    return Loaded(a, network, _tokenizer(id_), device, paired=id_ == "igt5")


def _tokenizer(id_: str) -> Any:
    from transformers import BertTokenizer, EsmTokenizer, T5Tokenizer

    if id_ == "antiberty":
        pieces = list(antiberty_vocabulary().pieces())
        return BertTokenizer(vocab={t: i for i, t in enumerate(pieces)}, do_lower_case=False)
    if id_.startswith("esm2"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vocab.txt"
            path.write_text(ESM_VOCABULARY.replace(" ", "\n"))
            return EsmTokenizer(str(path))
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{letter}", -2.5 - 0.05 * i) for i, letter in enumerate(T5_RESIDUES)]
    return T5Tokenizer(vocab=pieces)


def variants(rows: int, antigen_residues: int) -> list[tuple[Molecule, Molecule]]:
    """Different variants of one antibody, each with the same antigen."""
    rng = np.random.default_rng(0)
    antigen = _chain(rng, antigen_residues)
    heavies: dict[str, None] = {}
    while len(heavies) < rows:
        letters = list(HEAVY)
        for place in rng.integers(len(HEAVY), size=4):
            letters[place] = str(rng.choice(list(AMINO_ACIDS)))
        heavies["".join(letters)] = None
    return [
        (Molecule(Role.ANTIBODY, (heavy, LIGHT)), Molecule(Role.ANTIGEN, (antigen,)))
        for heavy in heavies
    ]


def mixed(count: int, paired: bool) -> list[Molecule]:
    """Different molecules: antibodies and antigens of 60 to 1,000 residues, in random order."""
    rng = np.random.default_rng(1)
    molecules = []
    for i in range(count):
        if i % 2:
            length = int(np.clip(rng.lognormal(np.log(300), 0.6), 60, 1000))
            molecules.append(Molecule(Role.ANTIGEN, (_chain(rng, length),)))
        else:
            heavy = _chain(rng, int(rng.integers(113, 131)))
            light = _chain(rng, int(rng.integers(105, 115)))
            molecules.append(Molecule(Role.ANTIBODY, (heavy, light) if paired else (heavy,)))
    return [molecules[i] for i in rng.permutation(count)]


def _chain(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list(AMINO_ACIDS), length))
