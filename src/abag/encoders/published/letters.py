"""Vocabularies with one letter for each residue, as several antibody models have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS, UNKNOWN_RESIDUE
from abag.errors import EncoderError

ALPHABETICAL: Final = tuple("ACDEFGHIKLMNPQRSTVWY")


class LetterVocabulary:
    """One residue, one token.

    Where there is no token for X it is read as the mask, which the models saw in training; the row
    of AntiBERTy's ``[UNK]`` was never trained.
    """

    def __init__(self, tokens: Sequence[str], *, mask: str, padding: str) -> None:
        """Take the tokens in the order of their ids.

        Args:
            tokens: of the published vocabulary, special ones included.
            mask: the token that hides a residue.
            padding: the token that fills a shorter row.
        """
        self._tokens = tuple(tokens)
        self.ids_of = {token: number for number, token in enumerate(tokens)}
        self.mask_id = self.ids_of[mask]
        self.pad_id = self.ids_of[padding]
        x = self.ids_of.get(UNKNOWN_RESIDUE)
        self.unknown_id: int | None = self.mask_id if x is None else None
        self._read = {letter: self.ids_of[letter] for letter in AMINO_ACIDS}
        self._read[UNKNOWN_RESIDUE] = self.mask_id if x is None else x

    @property
    def residue_ids(self) -> NDArray[np.int64]:
        """Ids of the twenty residues in the order of ``AMINO_ACIDS``, shape (20,)."""
        return np.array([self.ids_of[letter] for letter in AMINO_ACIDS], dtype=np.int64)

    def ids(self, text: str) -> NDArray[np.int64]:
        """Ids of a chain; a letter that the vocabulary lacks raises :class:`EncoderError`."""
        if foreign := set(text) - set(self._read):
            raise EncoderError(f"there is no token for {', '.join(sorted(foreign))}")
        return np.array([self._read[letter] for letter in text], dtype=np.int64)

    def ids_with_specials(self, text: str) -> None:
        """None: special tokens come from the input rule alone."""

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """The text of each id."""
        return [self._tokens[number] for number in ids]

    def id_of(self, token: str) -> int | None:
        """Id of one token; None where the vocabulary lacks it."""
        return self.ids_of.get(token)

    def pieces(self) -> Iterable[str]:
        """Every token of the vocabulary."""
        return self._tokens


def antiberty_vocabulary() -> LetterVocabulary:
    """``vocab.txt`` of the wheel, in its order."""
    specials = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    return LetterVocabulary((*specials, *ALPHABETICAL), mask="[MASK]", padding="[PAD]")


def sapiens_vocabulary() -> LetterVocabulary:
    """``dict.txt`` of the wheel between fairseq's special tokens.

    The last token, ``<light>``, is ours: it stands where a light chain starts, says which of
    the two networks reads the row, and is ``<s>`` to that network.
    """
    return LetterVocabulary(
        ("<s>", "<pad>", "</s>", "<unk>", *ALPHABETICAL, "<mask>", "<light>"),
        mask="<mask>",
        padding="<pad>",
    )
