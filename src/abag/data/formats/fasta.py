"""FASTA files of antibodies, with heavy and light chains paired, and of antigens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from abag.data.formats.content import read_text, text_lines
from abag.errors import Problem, TableError

Chain = Literal["heavy", "light", "scfv"]
PairBy = Literal["auto", "id", "order"]

_HEAVY: Final = r"heavy(?:[ _-]?chain)?|vhh|vh|hc|h|nanobody"
_LIGHT: Final = r"light(?:[ _-]?chain)?|kappa|lambda|vl|vk|lc|l|k"
_LABELLED: Final = re.compile(
    rf"(?P<id>\S.*?)[|_\-. ](?:(?P<heavy>{_HEAVY})|(?P<light>{_LIGHT})|(?P<scfv>scfv))",
    re.IGNORECASE,
)
_JOINERS: Final = re.compile(r"[/:|]")
_ILLEGAL: Final = re.compile(r"[^A-Za-z*.\-/:|]")


@dataclass(frozen=True, slots=True)
class FastaRecord:
    """One record: the line of its header, the header without ``>``, and its letters joined."""

    line: int
    header: str
    sequence: str

    @property
    def id(self) -> str:
        """The header up to its first white space."""
        return self.header.split(maxsplit=1)[0] if self.header else ""


@dataclass(frozen=True, slots=True)
class AntibodyRecord:
    """One antibody: its name, its chains as they stand, and the line of its first header."""

    line: int
    name: str
    heavy: str | None = None
    light: str | None = None
    scfv: str | None = None


def read_fasta(path: Path) -> list[FastaRecord]:
    """Read a plain or gzip FASTA file of protein sequences; white space in sequences is dropped.

    Letters of any case, ``*``, ``-`` and ``.`` are taken, and ``/``, ``:`` or ``|`` between
    chains. Raises :class:`TableError` with every fault and its line: a sequence before the first
    header, a header without a name, an empty record, a name that occurs twice, other characters.
    """
    records, problems = _parse(read_text(path))
    first: dict[str, int] = {}
    for record in records:
        if not record.sequence:
            problems.append(Problem(record.line, None, f"record {record.header!r} is empty"))
        if record.header in first:
            reason = f"{record.header!r} stands already on line {first[record.header]}"
            problems.append(Problem(record.line, None, reason, "Give each record its own name"))
        first.setdefault(record.header, record.line)
    if problems:
        raise TableError(path, sorted(problems, key=lambda p: p.row or 0))
    return records


def _parse(text: str) -> tuple[list[FastaRecord], list[Problem]]:
    problems: list[Problem] = []
    open_records: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(text_lines(text), start=1):
        written = line.strip()
        if written.startswith(">"):
            header = written[1:].strip()
            open_records.append((number, header, []))
            if not header:
                problems.append(Problem(number, None, "a header without a name", "Name it: >id"))
        elif written:
            problems += _illegal(number, line)
            if open_records:
                open_records[-1][2].append("".join(written.split()))
            elif not problems or "before the first" not in problems[0].reason:
                mend = "Begin the file with a header line, >id"
                reason = "a sequence stands before the first header"
                problems.insert(0, Problem(number, None, reason, mend))
    return [FastaRecord(n, h, "".join(parts)) for n, h, parts in open_records], problems


def _illegal(number: int, line: str) -> list[Problem]:
    found = [(m.start() + 1, m[0]) for m in _ILLEGAL.finditer(line) if not m[0].isspace()]
    if not found:
        return []
    listed = ", ".join(f"{letter!r} at place {place}" for place, letter in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    return [Problem(number, None, f"not letters of a sequence: {listed}{more}")]


def read_antibodies(
    path: Path, light: Path | None = None, *, pair_by: PairBy = "auto"
) -> list[AntibodyRecord]:
    """Read antibodies from one FASTA file, or heavy and light chains from two.

    In one file a chain is named by the end of its id or by the next word (``>ab1_H``,
    ``>ab1|light``, ``>ab1 heavy``, ``>ab1|scFv``, ``>nb3|VHH``); a record without such a name
    holds ``VH:VL`` (or ``VH/VL``), or one chain that is taken for a heavy chain (a VHH; an scFv is
    told by numbering it later).

    Two files are paired by id where their ids are the same (without ``_H``, ``|light`` and so
    on), else by order; ``pair_by`` insists on one of the two.

    Raises:
        TableError: Faults of the records (see :func:`read_fasta`), a light chain without its
            heavy, an id with two heavy chains, files of different length that are paired by order.
    """
    if light is None:
        return _from_one_file(path, read_fasta(path))
    heavies = [_named(record, "heavy") for record in read_fasta(path)]
    lights = [_named(record, "light") for record in read_fasta(light)]
    same = {name for name, _ in heavies} & {name for name, _ in lights}
    if pair_by == "id" or (pair_by == "auto" and same):
        return _by_id(path, heavies, light, lights)
    return _by_order(path, heavies, light, lights)


def chain_label(header: str) -> tuple[str, Chain | None]:
    """The antibody's name in a header, and which chain the header says it is."""
    words = header.split()
    pieces = words[0].split("|")
    # `id|heavy|Homo sapiens`: the chain may stand in the second field.
    tries = [words[0], "|".join(pieces[:2]), " ".join(words[:2]), " ".join(words[:3])]
    for text in tries:
        match = _LABELLED.fullmatch(text)
        if match:
            chain: Chain = "heavy" if match["heavy"] else "light" if match["light"] else "scfv"
            return match["id"].strip(), chain
    return words[0], None


def _named(record: FastaRecord, expected: Chain) -> tuple[str, FastaRecord]:
    name, chain = chain_label(record.header)
    return (name if chain == expected else record.id), record


def _from_one_file(path: Path, records: Sequence[FastaRecord]) -> list[AntibodyRecord]:
    found: dict[str, AntibodyRecord] = {}
    problems: list[Problem] = []
    for record in records:
        name, chain = chain_label(record.header)
        new = _chains(record, name, chain, problems)
        old = found.get(name)
        if old is None:
            found[name] = new
        elif fault := _clash(old, new):
            reason = f"{name!r} has {fault} already (line {old.line})"
            problems.append(Problem(record.line, None, reason, "Give each antibody its own id"))
        else:
            found[name] = replace(old, heavy=old.heavy or new.heavy, light=old.light or new.light)
    problems += [
        Problem(a.line, None, f"the light chain of {a.name!r} has no heavy chain")
        for a in found.values()
        if a.light and not a.heavy
    ]
    if problems:
        mend = "The ids of a pair must be the same but for the chain: >ab1_H and >ab1_L."
        raise TableError(path, sorted(problems, key=lambda p: p.row or 0), mend)
    return list(found.values())


def _chains(
    record: FastaRecord, name: str, chain: Chain | None, problems: list[Problem]
) -> AntibodyRecord:
    parts = [part for part in _JOINERS.split(record.sequence) if part]
    if len(parts) > 2 or (len(parts) == 2 and chain is not None):
        wanted = "one chain" if chain else "VH:VL"
        reason = f"{len(parts)} chains in record {record.header!r}, where {wanted} is wanted"
        problems.append(Problem(record.line, None, reason))
    if len(parts) == 2 and chain is None:
        return AntibodyRecord(record.line, name, heavy=parts[0], light=parts[1])
    return AntibodyRecord(record.line, name, **{chain or "heavy": record.sequence})


def _clash(old: AntibodyRecord, new: AntibodyRecord) -> str:
    if old.scfv or new.scfv:
        return "an scFv" if old.scfv else "a chain"
    if old.heavy and new.heavy:
        return "a heavy chain"
    return "a light chain" if old.light and new.light else ""


def _by_id(
    path: Path,
    heavies: Sequence[tuple[str, FastaRecord]],
    light: Path,
    lights: Sequence[tuple[str, FastaRecord]],
) -> list[AntibodyRecord]:
    for file, named in ((path, heavies), (light, lights)):
        _refuse_repeats(file, named)
    partners = {name: record.sequence for name, record in lights}
    names = {name for name, _ in heavies}
    alone = [
        Problem(record.line, None, f"the light chain of {name!r} has no heavy chain in {path}")
        for name, record in lights
        if name not in names
    ]
    if alone:
        raise TableError(light, alone)
    alone = [
        Problem(record.line, None, f"the heavy chain of {name!r} has no light chain in {light}")
        for name, record in heavies
        if name not in partners
    ]
    if alone:
        raise TableError(path, alone, "Put antibodies without a light chain into their own file.")
    return [AntibodyRecord(r.line, name, r.sequence, partners[name]) for name, r in heavies]


def _refuse_repeats(file: Path, named: Iterable[tuple[str, FastaRecord]]) -> None:
    seen: dict[str, int] = {}
    problems = []
    for name, record in named:
        if name in seen:
            reason = f"the id {name!r} stands already on line {seen[name]}"
            problems.append(Problem(record.line, None, reason, "Give each record its own id"))
        seen.setdefault(name, record.line)
    if problems:
        raise TableError(file, problems)


def _by_order(
    path: Path,
    heavies: Sequence[tuple[str, FastaRecord]],
    light: Path,
    lights: Sequence[tuple[str, FastaRecord]],
) -> list[AntibodyRecord]:
    if len(heavies) != len(lights):
        reason = f"{len(lights)} light chains, but {path} has {len(heavies)} heavy chains"
        mend = "Give both files the same ids, or the same number of records in the same order"
        raise TableError(light, [Problem(None, None, reason, mend)])
    return [
        AntibodyRecord(record.line, name, record.sequence, partner.sequence)
        for (name, record), (_, partner) in zip(heavies, lights, strict=True)
    ]


def read_antigens(path: Path) -> dict[str, tuple[str, ...]]:
    """Antigens by id; chains of one antigen are joined in its record by ``/``, ``:`` or ``|``."""
    antigens: dict[str, tuple[str, ...]] = {}
    problems = []
    for record in read_fasta(path):
        chains = tuple(part for part in _JOINERS.split(record.sequence) if part)
        if record.id in antigens:
            problems.append(Problem(record.line, None, f"the id {record.id!r} occurs twice"))
        antigens[record.id] = chains
    if problems:
        raise TableError(path, problems)
    return antigens
