"""Names of structures and papers, brought into one spelling.

One structure has one name: ``1N8Z_AB_C``, ``1n8z`` and ``1N8Z:A`` are 1n8z. A code that a
spreadsheet changed (``6.00E+62`` for 6E62, ``1-Mar`` for 1MAR) is restored with a flag where only
one code is possible, else left out with a flag.
"""

from __future__ import annotations

import re
from typing import Final

from abag.units import is_missing, plain

RESTORED: Final = "structure_id_restored"
UNREADABLE: Final = "structure_id_unreadable"
REFERENCE_UNREADABLE: Final = "reference_unreadable"
NAME_IN_SCIENTIFIC_NOTATION: Final = "name_in_scientific_notation"
NAME_LOOKS_LIKE_A_DATE: Final = "name_looks_like_a_date"

_CODE: Final = re.compile(
    r"(?:pdb(?:[\s:_-]*id)?[\s:_-]*)?(?:pdb_0000)?([0-9][a-z0-9]{3})"
    r"(?:(?:\.(?:pdb|cif|ent|mmcif)\d?(?:\.gz)?)|[_:.\-\s|,;/(\[].*)?",
    re.IGNORECASE,
)
_SCIENTIFIC: Final = re.compile(r"(\d)(?:\.(\d*))?E\+?(\d+)", re.IGNORECASE)
_DATE: Final = re.compile(
    r"0?(\d)-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)", re.IGNORECASE
)
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_AS_DATE: Final = re.compile(
    rf"\d{{4}}-\d\d-\d\d[T ]00:00:00(?:\.0+)?|\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?|{_MONTH}-\d{{2,4}}",
    re.IGNORECASE,
)
"""Dates that Excel makes of ``SEPT2`` and ``1-3``: ``02-Sep``, ``2024-03-01``."""
_NO_STRUCTURE: Final = re.compile(
    r"\d{5,}(?:\.0*)?|\d{1,3}(?:[.,]\d*)?|\d+[.,]\d+(?:e[-+]?\d+)?|\d{4}-\d\d-\d\d.*"
    rf"|\d{{1,2}}-{_MONTH}.*|{_MONTH}-\d+|(?:no|without) (?:structure|pdb|entry)"
    r"|(?:homology|af2?|alphafold\d?|af2|af3|predicted|computed)?[ _-]*models?|homology|predicted"
    r"|alphafold\d?|unpublished|in[ -]house|this (?:study|work|paper)|see (?:text|si|paper).*"
    r"|pending|to be (?:released|deposited|published)|cryo-?em|x-?ray|nmr"
    r"|yes|no|true|false|not deposited",
    re.IGNORECASE,
)
"""Numbers, dates and words that name no structure: as names they would make one complex of many."""
_ADDRESS: Final = re.compile(r"(?:rcsb|wwpdb|pdbe?|ebi)[^\s]*/(?:\S*/)?([0-9][a-z0-9]{3})/?$", re.I)
_PUBMED: Final = re.compile(
    r"(?:(?:pmid|pubmed)?[\s:#]*|https?://\S*(?:pubmed|ncbi)\S*/)"
    r"(\d{5,9}|\d{1,3}(?:,\d{3}){2})(?:\.0*)?/?",
    re.IGNORECASE,
)
_DOI: Final = re.compile(
    r"(?:https?://)?(?:dx\.)?(?:doi(?:\.org/|:|\s)\s*)?(10\.\d{4,9}/\S+)", re.I
)


def structure_id(text: str | None) -> tuple[str | None, str | None]:
    """The lower-case code of a structure, and a flag where it was restored or cannot be read.

    A text that is no PDB code (a name of one's own) stays, in lower case.
    """
    if text is None or is_missing(text):
        return None, None
    spelt = plain(text).strip("'\"")
    number = _SCIENTIFIC.fullmatch(spelt.replace(",", "."))
    if number and ("+" in spelt or "." in spelt):
        return _from_number(number)
    if day := _DATE.fullmatch(spelt):
        return f"{day[1]}{day[2]}".lower(), RESTORED
    if _NO_STRUCTURE.fullmatch(spelt):
        return None, UNREADABLE
    if at := _ADDRESS.search(spelt):
        return at[1].lower(), None
    code = _CODE.fullmatch(spelt)
    others = re.findall(r"(?<![a-z0-9])[0-9][a-z][a-z0-9]{2}(?![a-z0-9])", spelt.lower())
    if code and len(set(others) | {code[1].lower()}) > 1 and re.search(r"[;,|/ ]", spelt):
        return None, UNREADABLE
    return (code[1] if code else spelt).lower(), None


def _from_number(number: re.Match[str]) -> tuple[str | None, str | None]:
    """``6.00E+62`` is 6E62 alone; ``1.00E+10`` may have been 1E10 or 10E9."""
    exponent = int(number[3])
    if set(number[2] or "") - {"0"} or not 11 <= exponent <= 99:
        return None, UNREADABLE
    return f"{number[1]}e{exponent}", RESTORED


def reference(text: str | None) -> tuple[str | None, str | None]:
    """A PubMed id or DOI in one spelling (``PMID 12345678.0`` is 12345678); other texts stay."""
    if text is None or is_missing(text):
        return None, None
    spelt = plain(text)
    if _SCIENTIFIC.fullmatch(spelt):
        return None, REFERENCE_UNREADABLE
    match = _PUBMED.fullmatch(spelt)
    doi = _DOI.fullmatch(spelt)
    pubmed = match[1].replace(",", "") if match else None
    return (pubmed if pubmed else doi[1].lower().rstrip(".") if doi else spelt), None


def own_name(text: str | None) -> tuple[str | None, str | None]:
    """A name of an antibody or antigen; a flag where a spreadsheet made a number of it (2E8)."""
    if text is None or is_missing(text):
        return None, None
    bare = text.strip()
    if re.fullmatch(r"\d(\.\d+)?E\+\d+", bare):
        return bare, NAME_IN_SCIENTIFIC_NOTATION
    return bare, NAME_LOOKS_LIKE_A_DATE if _AS_DATE.fullmatch(bare) else None
