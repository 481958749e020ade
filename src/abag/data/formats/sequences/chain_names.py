"""Column names of chains, composed of words of the field."""

from __future__ import annotations

import re
from typing import Final

from abag.units import plain

_ROLES: Final = {
    "heavy": "heavy|vhh|vh|hc|ighv?|nanobody|sdab",
    "light": "light|vkappa|vlambda|kappa|lambda|vl|vk|lc|igkv?|iglv?",
    "scfv": "scfv",
    "antigen": "antigen|ag|target|immunogen",
}
_LETTERS: Final = {"h": "heavy", "l": "light"}
_AROUND: Final = (
    "sequences?|seqs?|aminoacids?|amino|acids?|aas?|proteins?|peptides?|chains?|variable|regions?|"
    "domains?|fv|fab|antibody|mab|ab|igg|full|length|alignment|of|the"
)
_WORD: Final = re.compile(
    f"(?:{_AROUND})*(?:{'|'.join(f'(?P<{role}>{words})' for role, words in _ROLES.items())})?"
    f"(?:{_AROUND})*"
)


def role_by_words(name: str) -> str | None:
    """Role of a column by its name: ``VH AA sequence``, ``Heavy chain (VH)``, ``vl_protein``.

    heavy, light, scfv or antigen where all words of the name are of that chain or of sequences in
    general; None where one is of something else (``VH gene``, ``VL length (nt)``).
    """
    roles = set()
    for word in re.findall(r"[a-z0-9]+", plain(name).lower()):
        match = _WORD.fullmatch(word)
        if word in _LETTERS:
            roles.add(_LETTERS[word])
        elif match is None:
            return None
        else:
            roles |= {role for role, text in match.groupdict().items() if text}
    return roles.pop() if len(roles) == 1 else None
