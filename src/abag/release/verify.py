"""Whether a release is what was released: its sums, its facts, its texts and its predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from abag.errors import MissingFileError, ReleaseError
from abag.files import read_json, require_folder
from abag.model.artefact import RELEASE
from abag.release.bundle import SUMS, require_honest_notes, sums_text
from abag.release.checking import require_predictions
from abag.release.facts import FORMAT, FORMAT_VERSION, gather
from abag.release.texts import FactNumbers, render
from abag.version import VERSION


def read_facts(folder: Path) -> dict[str, Any]:
    """``release.json`` of a folder.

    Raises:
        MissingFileError, ReleaseError: it is no release, or one that this abag cannot read.
    """
    require_folder(folder)
    path = folder / RELEASE
    if not path.is_file():
        raise MissingFileError(
            f"{folder} is no release (it has no {RELEASE}); make one with `abag release`"
        )
    facts = read_json(path)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ReleaseError(f"{path} does not describe a release of abag")
    if facts.get("format_version") != FORMAT_VERSION:
        raise ReleaseError(
            f"{path} has format version {facts.get('format_version')}, and this abag {VERSION} "
            f"reads {FORMAT_VERSION}; install abag {facts.get('abag_version')}"
        )
    return facts


def require_sums(folder: Path) -> int:
    """Raise ReleaseError unless every file is the one in ``SHA256SUMS``; returns their number."""
    path = folder / SUMS
    if not path.is_file():
        raise ReleaseError(f"{folder} has no {SUMS}; copy the release again")
    listed, computed = _sums(path.read_text("utf-8")), _sums(sums_text(folder))
    for name in sorted({*listed, *computed}):
        if name not in computed:
            raise ReleaseError(f"{folder / name} is missing; copy the release again")
        if name not in listed:
            raise ReleaseError(f"{folder / name} is no part of the release; take it away")
        if listed[name] != computed[name]:
            raise ReleaseError(
                f"{folder / name} is not the file that was released (its SHA-256 is "
                f"{computed[name][:16]}..., {SUMS} says {listed[name][:16]}...); copy it again"
            )
    return len(listed)


def _sums(text: str) -> dict[str, str]:
    """File -> SHA-256."""
    parts = [line.partition("  ") for line in text.splitlines()]
    return {name: digest for digest, _, name in parts}


def verify_release(folder: Path, *, predictions: bool = True) -> dict[str, Any]:
    """Check a release whole; returns its facts.

    Sums first; then the facts are gathered again from the artefacts, the texts are made again from
    the facts, and the packed model predicts again. So a change is found even where someone made
    new sums for it.

    Raises:
        ReleaseError: names the file, and where it can, the line or the row.
        ModelError: the packed model is damaged.
    """
    facts = read_facts(folder)
    require_sums(folder)
    _require_facts(folder, facts)
    _require_texts(folder, facts)
    require_honest_notes(facts, (folder / "RELEASE_NOTES.md").read_text("utf-8"))
    if predictions:
        require_predictions(folder)
    return facts


def _require_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    gathered = json.loads(json.dumps(gather(folder, facts["given"])))
    for key in sorted({*gathered, *facts} - {"abag_version", "issues", "recommendation"}):
        if gathered.get(key) != facts.get(key):
            where = _first_difference(facts.get(key), gathered.get(key), key)
            raise ReleaseError(f"{folder / RELEASE} does not say what the artefacts say: {where}")


def _first_difference(stored: Any, gathered: Any, where: str) -> str:
    if isinstance(stored, dict) and isinstance(gathered, dict):
        for key in sorted({*stored, *gathered}):
            if stored.get(key) != gathered.get(key):
                return _first_difference(stored.get(key), gathered.get(key), f"{where}.{key}")
    if isinstance(stored, list) and isinstance(gathered, list) and len(stored) == len(gathered):
        for index, (first, second) in enumerate(zip(stored, gathered, strict=True)):
            if first != second:
                return _first_difference(first, second, f"{where}[{index}]")
    return f"{where} is {stored!r} there, {gathered!r} in the artefacts"


def _require_texts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Texts of this abag are made again; of another one, their numbers are looked up."""
    same = facts["abag_version"] == VERSION
    known = FactNumbers.of(facts)
    for name, text in render(facts).items() if same else ():
        _require_same_text(folder / name, text)
    if not same:
        for path in sorted(folder.glob("*.md")):
            known.require(path.name, path.read_text("utf-8"))


def _require_same_text(path: Path, expected: str) -> None:
    text = path.read_text("utf-8")
    if text == expected:
        return
    lines = zip_longest(text.splitlines(), expected.splitlines(), fillvalue="")
    for number, (line, wanted) in enumerate(lines, start=1):
        if line != wanted:
            raise ReleaseError(
                f"{path}, line {number} says {line.strip()[:120]!r}; release.json gives "
                f"{wanted.strip()[:120]!r}: make the texts by `abag release`, not by hand"
            )
    raise ReleaseError(f"{path} is not the text that release.json gives; copy it again")
