"""How chains are written for a tokenizer: spacing, special tokens, order, letters read as X.

A rule is data; it knows no tokenizer. The templates name every special token that a model sees, so
that the number of tokens is always the number of residues plus the number of specials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from abag.antibody.alphabet import UNKNOWN_RESIDUE
from abag.errors import EncoderError

CHAIN: Final = "{chain}"
"""Stands in a template where the residues of a chain go."""

PREPROCESSING: Final = 1
"""Version of everything between chains and token ids (rules, windows); enters the identity."""


@dataclass(frozen=True, slots=True)
class InputRule:
    """How a model was shown its chains in training."""

    name: str
    spaced: bool
    """Whether the tokenizer wants a space between residues (``E V Q L``)."""
    single: tuple[str, ...]
    """Tokens of one chain, such as ``("<cls>", CHAIN, "<eos>")``."""
    pair: tuple[str, ...] | None = None
    """Tokens of a heavy and a light chain, in this order; None: chains go in one by one."""
    lone_light: tuple[str, ...] | None = None
    """Tokens of a light chain without its heavy one, where they differ from ``single``."""
    read_as_x: str = ""
    """Letters of rare residues that the vocabulary lacks, read as X."""
    light_limit: int | None = None
    """Residues of a light chain that are read at once, where they are fewer than of a heavy one."""

    def letters(self, chain: str) -> str:
        """The chain in upper case, with the letters that the vocabulary lacks read as X."""
        return chain.upper().translate({ord(letter): UNKNOWN_RESIDUE for letter in self.read_as_x})

    def text(self, letters: str) -> str:
        """The chain as the tokenizer wants it, without special tokens."""
        return " ".join(letters) if self.spaced else letters

    def template(self, chains: int, *, light: bool = False) -> tuple[str, ...]:
        """Tokens of one chain, or of a pair."""
        if chains == 2:
            if self.pair is None:
                raise EncoderError(f"the input rule {self.name!r} takes one chain at a time")
            return self.pair
        return self.lone_light if light and self.lone_light else self.single

    def specials(self, chains: int, *, light: bool = False) -> int:
        """Number of special tokens around and between this many chains."""
        return sum(part != CHAIN for part in self.template(chains, light=light))

    def special_tokens(self) -> tuple[str, ...]:
        """Every special token the rule names, once."""
        parts = [*self.single, *(self.pair or ()), *(self.lone_light or ())]
        return tuple(dict.fromkeys(part for part in parts if part != CHAIN))

    def written(self, chains: Sequence[str]) -> list[str]:
        """The tokens of a molecule as a reader would write them: for messages and for tests."""
        remaining = iter(chains)
        return [
            token
            for part in self.template(len(chains))
            for token in (self.letters(next(remaining)) if part == CHAIN else (part,))
        ]


_RARE: Final = "UZOBJ"
_T5: Final = InputRule("spaced-t5", spaced=True, single=(CHAIN, "</s>"), read_as_x=_RARE)
_BERT: Final = InputRule(
    "spaced-bert", spaced=True, single=("[CLS]", CHAIN, "[SEP]"), read_as_x=_RARE
)
_ABLANG2: Final = InputRule(
    "ablang2",
    spaced=False,
    single=("<", CHAIN, ">", "|"),
    pair=("<", CHAIN, ">", "|", "<", CHAIN, ">"),
    lone_light=("|", "<", CHAIN, ">"),
    read_as_x=_RARE,
)
_SAPIENS: Final = InputRule(
    "sapiens",
    spaced=False,
    single=("<s>", CHAIN, "</s>"),
    lone_light=("<light>", CHAIN, "</s>"),
    read_as_x=_RARE,
    light_limit=126,
)

RULES: Final[dict[str, InputRule]] = {
    rule.name: rule
    for rule in (
        InputRule("plain", spaced=False, single=("<cls>", CHAIN, "<eos>"), read_as_x="J"),
        _T5,
        replace(_T5, name="spaced-t5-pair", pair=2 * _T5.single),
        _BERT,
        replace(_BERT, name="spaced-bert-pair", pair=(*_BERT.single, CHAIN, "[SEP]")),
        _ABLANG2,
        replace(_BERT, name="antiberty", spaced=False),
        _SAPIENS,
    )
}
"""Rules by name; ``open_encoder(..., rule=...)`` takes one for a model of one's own."""


def rule_named(name: str) -> InputRule:
    """The rule of this name.

    Raises:
        EncoderError: where there is none; the message lists them.
    """
    if name not in RULES:
        raise EncoderError(f"there is no input rule {name!r}; there are {', '.join(RULES)}")
    return RULES[name]
