"""The constant chains beside a library: light chains, antigens and parents.

Two JSON files hold them, because the published tables of variants do not:

* ``abbibench/complexes.json``: one object a complex (``3gbn_h1``, ``4fqi_h3``, ...) with
  ``heavy_wt`` (or ``heavy_mature``, ``heavy_consensus``), ``light``, ``antigen`` (a list of
  chains, or null), ``pdb`` and, for combinatorial libraries, ``bit_map_phillips_variant_string``.
* ``antigens.json`` beside the folders of the sources: ``{"HER2": {"seq": "..."}, ...}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abag.errors import FileFormatError, MissingFileError
from abag.files import read_json


@dataclass(frozen=True, slots=True)
class LibraryPartners:
    """The chains that all rows of one library share."""

    heavy: str
    """Parent heavy chain: wild type, or mature at every site of a combinatorial library."""
    light: str
    antigen: tuple[str, ...]
    bits: dict[str, Any] | None


_HEAVY_KEYS = ("heavy_wt", "heavy_mature_in_AbBiBench", "heavy_mature", "heavy_consensus")


def read_complex(folder: Path, name: str) -> LibraryPartners:
    """One entry of ``complexes.json`` in ``folder``, or in ``abbibench`` beside it."""
    places = [folder / "complexes.json", folder.parent / "abbibench" / "complexes.json"]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise MissingFileError(
            f"{folder}: the constant chains of {name} are needed in {places[1]}; "
            "abag_lab.sources.libraries.partners describes the file"
        )
    entry = _entry(path, name)
    heavy = next((entry[key] for key in _HEAVY_KEYS if entry.get(key)), None)
    light = entry.get("light")
    if not heavy or not light:
        raise FileFormatError(f"{path}: {name} lacks its parent heavy chain or its light chain")
    bits = entry.get("bit_map_phillips_variant_string")
    return LibraryPartners(
        heavy=_mature(str(heavy).strip(), bits),
        light=str(light).strip(),
        antigen=tuple(str(chain).strip() for chain in entry.get("antigen") or ()),
        bits=bits,
    )


def _mature(heavy: str, bits: dict[str, Any] | None) -> str:
    """The parent with the mature residue at every site of its library."""
    chain = list(heavy)
    if bits:
        for place, residue in zip(bit_places(bits), bits["mature"], strict=True):
            chain[place] = residue
    return "".join(chain)


def bit_places(bits: dict[str, Any]) -> list[int]:
    """Positions of the sites of a combinatorial library, counted from 0."""
    return next(list(v) for k, v in bits.items() if k.startswith("positions_0based"))


def read_antigen(folder: Path, name: str) -> str:
    """The antigen ``name`` of ``antigens.json``, in the folder above the source's."""
    path = folder.parent / "antigens.json"
    if not path.is_file():
        raise MissingFileError(
            f"{folder}: the antigen {name} is needed in {path}, "
            f'written as {{"{name}": {{"seq": "..."}}}}'
        )
    return str(_entry(path, name)["seq"])


def _entry(path: Path, name: str) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get(name), dict):
        raise FileFormatError(f"{path} has no entry {name!r}")
    return dict(content[name])
