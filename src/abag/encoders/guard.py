"""Checks that a model sees the residues it is meant to see; they run on every batch.

An encoder that turns its input into unknown tokens gives an embedding all the same, and nothing
downstream looks wrong. So every chain's tokens are counted and read back before they go in.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, RARE_RESIDUES, UNKNOWN_RESIDUE
from abag.encoders.adapters.windows import Segment
from abag.encoders.input_rules import CHAIN, InputRule
from abag.encoders.protocol import EncoderFacts, Molecule, Role
from abag.errors import EncoderError

MAX_UNKNOWN: Final = 0.05
"""Largest share of unknown tokens in a chain (residues written as X are not unknown tokens)."""

SHOWN: Final = 12
"""Number of tokens that a message shows."""

_MARKS: Final = "▁Ġ#"
"""What tokenizers put before a piece to say whether a word begins or goes on."""


class Vocabulary(Protocol):
    """What the guard and the adapters need of a tokenizer."""

    @property
    def unknown_id(self) -> int | None:
        """Id of the unknown token, if there is one."""

    @property
    def pad_id(self) -> int:
        """Id that fills a shorter row of a batch."""

    def ids(self, text: str) -> NDArray[np.int64]:
        """Ids of a text without special tokens."""

    def ids_with_specials(self, text: str) -> NDArray[np.int64] | None:
        """Ids with the special tokens that the tokenizer adds by itself; None if it adds none."""

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The text of each id."""

    def id_of(self, token: str) -> int | None:
        """Id of one token; None where the vocabulary lacks it."""

    def pieces(self) -> Iterable[str]:
        """Every token of the vocabulary."""


class AntibodyAsAntigenWarning(UserWarning):
    """A chain in the antigen's place that holds an antibody variable domain."""


class TokenGuard:
    """The checks for one encoder, its tokenizer and its input rule."""

    def __init__(self, encoder: str, rule: InputRule, vocabulary: Vocabulary) -> None:
        self.encoder = encoder
        self.rule = rule
        self.vocabulary = vocabulary
        self._codes = np.zeros(0, dtype=np.uint8)

    def prove(self) -> None:
        """Check once, when the encoder is opened, that rule and tokenizer belong together.

        Every residue letter must have a token of its own, every special token of the rule must be
        in the vocabulary, and what the tokenizer adds by itself must be what the rule says.

        Raises:
            EncoderError: that names the encoder and shows the tokens.
        """
        missing = [t for t in self.rule.special_tokens() if self.vocabulary.id_of(t) is None]
        if missing:
            raise EncoderError(
                f"{self.encoder}: the tokenizer has no {', '.join(missing)}, which the input rule "
                f"{self.rule.name!r} needs; this is another model's tokenizer or rule"
            )
        text = self.rule.text(AMINO_ACIDS)
        self.check_chain(AMINO_ACIDS, self.vocabulary.ids(text))
        with_specials = self.vocabulary.ids_with_specials(text)
        if with_specials is None:
            return
        got = self._as_written(with_specials)
        expected = self.rule.written([AMINO_ACIDS])
        if got != expected:
            raise EncoderError(
                f"{self.encoder}: the tokenizer writes a chain as {' '.join(got)}, the input rule "
                f"{self.rule.name!r} as {' '.join(expected)}; this is another model's tokenizer "
                f"or rule"
            )

    def residue_table(self) -> NDArray[np.int64] | None:
        """Ids by letter code (``table[ord("V")]``), -1 for others, where a table is enough.

        A tokenizer takes 2 to 6 microseconds a residue, more than a small model on a fast
        device. Where no token spells two residues and the tokenizer's answer on a text of all
        ordered pairs of residues is that of the table, the table is the tokenizer.

        Returns:
            None where the tokenizer has to read every chain itself.
        """
        residues = AMINO_ACIDS + UNKNOWN_RESIDUE + RARE_RESIDUES
        if any(
            len(bare := p.strip(_MARKS)) > 1 and set(bare) <= set(residues)
            for p in self.vocabulary.pieces()
        ):
            return None
        table = np.full(128, -1, dtype=np.int64)
        for letter in set(residues) - set(self.rule.read_as_x):
            ids = self.vocabulary.ids(self.rule.text(letter))
            if len(ids) == 1 and ids[0] != self.vocabulary.unknown_id:
                table[ord(letter)] = ids[0]
        known = [letter for letter in residues if table[ord(letter)] >= 0]
        pairs = "".join(a + b for a in known for b in known)
        expected = table[np.frombuffer(pairs.encode("ascii"), dtype=np.uint8)]
        same = np.array_equal(self.vocabulary.ids(self.rule.text(pairs)), expected)
        return table if same else None

    def check_chain(self, letters: str, ids: NDArray[np.int64]) -> None:
        """Check the tokens of one chain, special tokens not included.

        Raises:
            EncoderError: for more than 5 % unknown tokens, for another number of tokens than
                residues, or for a token that spells another residue; it names the encoder and
                shows the tokens.
        """
        unknown = self.vocabulary.unknown_id
        unread = np.equal(ids, -1 if unknown is None else unknown)
        share = np.count_nonzero(unread) / max(len(ids), 1)
        if share > MAX_UNKNOWN:
            raise EncoderError(
                f"{self.encoder}: {share:.0%} of the tokens of a chain of "
                f"{len(letters)} residues are unknown; {self._shown(letters, ids)}"
            )
        if len(ids) != len(letters):
            raise EncoderError(
                f"{self.encoder}: a chain of {len(letters)} residues became {len(ids)} tokens; "
                f"{self._shown(letters, ids)}"
            )
        written = np.frombuffer(letters.encode("ascii"), dtype=np.uint8)
        wrong = np.flatnonzero((self._spelt(ids) != written) & ~unread)
        if len(wrong):
            first = int(wrong[0])
            raise EncoderError(
                f"{self.encoder}: residue {first + 1} of a chain was read as another one; "
                f"{self._shown(letters[first:], ids[first:])}"
            )

    def check_batch(self, parts: Sequence[Segment], rows: Sequence[NDArray[np.int64]]) -> None:
        """Check the finished rows of a batch: their length, and that no two inputs share one.

        Raises:
            EncoderError: that names the encoder.
        """
        inputs: dict[bytes, Segment] = {}
        for part, row in zip(parts, rows, strict=True):
            specials = self.rule.specials(len(part.chains), light=part.light)
            if len(row) != part.residues + specials:
                raise EncoderError(
                    f"{self.encoder}: {part.residues} residues and {specials} special tokens "
                    f"became {len(row)} tokens"
                )
            earlier = inputs.setdefault(row.tobytes(), part)
            if earlier.chains != part.chains:
                raise EncoderError(
                    f"{self.encoder}: two different inputs have the same token ids: "
                    f"{_start('/'.join(earlier.chains))} and {_start('/'.join(part.chains))}"
                )

    def _spelt(self, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The letter code that each id spells; 0 for anything but a single letter."""
        highest = int(ids.max(initial=0))
        if highest >= len(self._codes):
            new = self.vocabulary.tokens(range(len(self._codes), highest + 1))
            bare = [token.strip(_MARKS).upper() for token in new]
            codes = [ord(b) if len(b) == 1 and b.isascii() else 0 for b in bare]
            self._codes = np.concatenate([self._codes, np.array(codes, dtype=np.uint8)])
        return self._codes[ids]

    def _as_written(self, ids: NDArray[np.int64]) -> list[str]:
        bare = [(t, t.strip(_MARKS)) for t in self.vocabulary.tokens(ids.tolist())]
        return [letter.upper() if len(letter) == 1 else token for token, letter in bare]

    def _shown(self, letters: str, ids: NDArray[np.int64]) -> str:
        tokens = self.vocabulary.tokens(ids[:SHOWN].tolist())
        dots = " ..." if len(ids) > SHOWN else ""
        return (
            f"{_start(self.rule.text(letters))!r} was read as {' '.join(tokens)}{dots} "
            f"(input rule {self.rule.name!r})"
        )


def template_ids(rule: InputRule, vocabulary: Vocabulary) -> dict[str, int]:
    """Ids of the special tokens of a rule."""
    numbers = {token: vocabulary.id_of(token) for token in rule.special_tokens()}
    return {token: number for token, number in numbers.items() if number is not None}


def assembled(
    template: Sequence[str], specials: dict[str, int], chains: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids of a template filled with chains, and the index of each residue's token."""
    pieces: list[NDArray[np.int64]] = []
    places: list[NDArray[np.int64]] = []
    length, remaining = 0, iter(chains)
    for part in template:
        if part == CHAIN:
            pieces.append(next(remaining))
            places.append(np.arange(length, length + len(pieces[-1])))
        else:
            pieces.append(np.array([specials[part]], dtype=np.int64))
        length += len(pieces[-1])
    return np.concatenate(pieces), np.concatenate(places)


def require_roles(facts: EncoderFacts, molecules: Iterable[Molecule]) -> None:
    """Refuse molecules that the encoder was not trained on, such as antigens for AbLang2.

    Raises:
        EncoderError: that names the encoder and what it takes.
    """
    for molecule in molecules:
        if molecule.role not in facts.roles:
            raise EncoderError(
                f"{facts.id} encodes {' and '.join(sorted(r.value for r in facts.roles))} chains, "
                f"not an {molecule.role.value}; choose another encoder for the "
                f"{molecule.role.value}"
            )


def require_width(facts: EncoderFacts, width: int, wanted_by: str) -> None:
    """Refuse an encoder whose residue rows do not fit a saved model.

    Raises:
        EncoderError: that names both widths.
    """
    if facts.width != width:
        raise EncoderError(
            f"{wanted_by} was made for residue rows of width {width}, {facts.id} gives "
            f"{facts.width}; open the encoder that it was made with"
        )


def warn_if_antibody(molecules: Iterable[Molecule], share: float = 0.4) -> list[str]:
    """Number the antigens and warn of each that is mostly antibody variable domain.

    It may be meant (an anti-idiotype), so this is a warning. Numbering takes about a millisecond
    a new chain, so it is for the door of a program, not for every batch.

    Args:
        molecules: those of role antibody are passed over.
        share: share of a chain's residues in heavy, light or VHH domains from which it counts.

    Returns:
        The antigen chains that were warned of, once each.

    Raises:
        UnavailableError: where the numbering tools are not installed.
    """
    from abag.antibody.numbering import number_chains

    chains = dict.fromkeys(m.chains[0].upper() for m in molecules if m.role is Role.ANTIGEN)
    warned = []
    for chain, domains in number_chains(chains).items():
        if domains and sum(d.end - d.start for d in domains) >= share * len(chain):
            warned.append(chain)
            warnings.warn(
                f"the antigen {_start(chain)} of {len(chain)} residues holds an antibody domain "
                f"({domains[0].kind.value}): is a heavy or light chain in the antigen's place?",
                AntibodyAsAntigenWarning,
                stacklevel=2,
            )
    return warned


def _start(text: str) -> str:
    return text if len(text) <= 2 * SHOWN else text[: 2 * SHOWN] + "..."
