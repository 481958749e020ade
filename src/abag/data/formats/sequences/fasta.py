"""FASTA files of antibodies, with heavy and light chains paired, and of antigens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from abag.data.formats.content import read_text, text_lines
from abag.data.formats.sequences.fasta_names import (
    Chain,
    ChainName,
    chain_label,
    entry_code,
    looks_heavy,
    looks_light,
    readings,
)
from abag.data.formats.tables import MAX_CELL_CHARACTERS
from abag.errors import Problem, TableError

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
    antigen: tuple[str, ...] = ()
    """Chains of its antigen, where the same file holds them."""
    flags: tuple[str, ...] = ()


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
        if (length := len(record.sequence)) > MAX_CELL_CHARACTERS:
            reason = f"a record of {length:,} letters (at most {MAX_CELL_CHARACTERS:,})"
            problems.append(Problem(record.line, None, reason, "Give single protein chains"))
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
            problems += _illegal_letters(number, line)
            if open_records:
                open_records[-1][2].append("".join(written.split()))
            elif not problems or "before the first" not in problems[0].reason:
                mend = "Begin the file with a header line, >id"
                reason = "a sequence stands before the first header"
                problems.insert(0, Problem(number, None, reason, mend))
    return [FastaRecord(n, h, "".join(parts)) for n, h, parts in open_records], problems


def _illegal_letters(number: int, line: str) -> list[Problem]:
    illegal = [(m.start() + 1, m[0]) for m in _ILLEGAL.finditer(line) if not m[0].isspace()]
    if not illegal:
        return []
    listed = ", ".join(f"{letter!r} at place {position}" for position, letter in illegal[:5])
    more = f" and {len(illegal) - 5} more" if len(illegal) > 5 else ""
    return [Problem(number, None, f"not letters of a sequence: {listed}{more}")]


def read_antibodies(path: Path, light: Path | None = None) -> list[AntibodyRecord]:
    """Read antibodies from one FASTA file, or heavy and light chains from two.

    In one file a chain is named by its header (see :mod:`abag.data.formats.sequences.fasta_names`);
    a record without such a name holds ``VH:VL`` (or ``VH/VL``), or one chain that is taken for
    a heavy chain (a VHH; an scFv is recognised later, by numbering). ``>antigen`` beside ``>H`` and
    ``>L`` is their antigen, and so are the chains without a variable domain of a PDB entry
    (``>1N8Z_3|Chain C|...``).

    Two files are paired by id where their ids are the same (without ``_H``, ``|light`` and so
    on), else by order.

    Raises:
        TableError: Faults of the records (see :func:`read_fasta`), a light chain without its
            heavy, an id with two heavy chains, files of different length that are paired by order.
    """
    if light is None:
        return _from_one_file(path, read_fasta(path))
    heavies, lights = _named_records(path, "heavy"), _named_records(light, "light")
    if {name for name, _ in heavies} & {name for name, _ in lights}:
        return _by_id(path, heavies, light, lights)
    return _by_order(path, heavies, light, lights)


def _named_records(path: Path, expected: Chain) -> list[tuple[str, FastaRecord]]:
    """Records of a file of one kind of chain, each with the antibody's name."""
    records = []
    for record in read_fasta(path):
        names = (reading.name for reading in readings(record.header) if reading.chain == expected)
        records.append((next(filter(None, names), record.id), record))
    return records


def _from_one_file(path: Path, records: Sequence[FastaRecord]) -> list[AntibodyRecord]:
    problems: list[Problem] = []
    entries, others = _pdb_entries(records, problems)
    by_name: dict[str, AntibodyRecord] = {antibody.name: antibody for antibody in entries}
    for record, reading in zip(others, _chosen_readings(others), strict=True):
        new = _chains(record, reading, problems)
        old = by_name.get(new.name)
        if old is None:
            by_name[new.name] = new
        elif fault := _clashing_chain(old, new):
            reason = f"{new.name!r} has {fault} already (line {old.line})"
            problems.append(Problem(record.line, None, reason, "Give each antibody its own id"))
        else:
            by_name[new.name] = replace(
                old,
                heavy=old.heavy or new.heavy,
                light=old.light or new.light,
                scfv=old.scfv or new.scfv,
                antigen=old.antigen or new.antigen,
            )
    antibodies = _with_shared_antigen(by_name)
    for antibody in antibodies:
        if antibody.light and not antibody.heavy:
            reason = f"the light chain of {antibody.name!r} has no heavy chain"
            problems.append(Problem(antibody.line, None, reason))
        elif antibody.heavy and not antibody.light and looks_light(antibody.heavy):
            reason = f"{antibody.name!r} is a light chain, and no heavy chain has its name"
            problems.append(Problem(antibody.line, None, reason))
    if problems:
        mend = "The ids of a pair must be the same but for the chain: >ab1_H and >ab1_L."
        raise TableError(path, sorted(problems, key=lambda p: p.row or 0), mend)
    bare = path.name.partition(".")[0]
    named_antibodies = [replace(antibody, name=antibody.name or bare) for antibody in antibodies]
    return sorted(named_antibodies, key=lambda antibody: antibody.line)


def _with_shared_antigen(by_name: dict[str, AntibodyRecord]) -> list[AntibodyRecord]:
    """Antibodies; a record named only ``antigen`` is the antigen of all that have none."""
    bare = by_name.get("")
    if bare is None or not bare.antigen or bare.heavy or bare.light or bare.scfv:
        return list(by_name.values())
    others = [antibody for name, antibody in by_name.items() if name]
    return [replace(other, antigen=other.antigen or bare.antigen) for other in others] or [bare]


def _pdb_entries(
    records: Sequence[FastaRecord], problems: list[Problem]
) -> tuple[list[AntibodyRecord], list[FastaRecord]]:
    """Antibodies of whole PDB entries with the entry's other chains as antigen; the other records.

    Chains are told apart by their variable domains: a header of the PDB often names none.
    """
    by_code: dict[str, list[FastaRecord]] = {}
    for record in records:
        if code := entry_code(record.header):
            by_code.setdefault(code, []).append(record)
    antibodies: list[AntibodyRecord] = []
    used_lines: set[int] = set()
    for code, members in by_code.items():
        labels = {chain_label(record.header)[1] for record in members}
        if len(members) == 1 or labels == {"heavy", "light"}:
            continue
        antibody = _pdb_entry(code, members, problems)
        if antibody is not None:
            antibodies.append(antibody)
            used_lines |= {record.line for record in members}
    return antibodies, [record for record in records if record.line not in used_lines]


def _pdb_entry(
    code: str, members: Sequence[FastaRecord], problems: list[Problem]
) -> AntibodyRecord | None:
    from abag.antibody.numbering import number_chains

    domains = number_chains(record.sequence for record in members)
    kinds = [[domain.kind.is_light for domain in domains[record.sequence]] for record in members]
    typed = list(zip(members, kinds, strict=True))
    heavy = [member for member, are_light in typed if not all(are_light)]
    light = [member for member, are_light in typed if are_light and all(are_light)]
    if not heavy:
        return None
    if len(heavy) > 1 or len(light) > 1:
        reason = f"{len(heavy)} heavy and {len(light)} light chains in the entry {code}"
        mend = "Give the structure itself (PDB or mmCIF), or name each pair: >ab1_H and >ab1_L"
        problems.append(Problem(members[0].line, None, reason, mend))
    others = tuple(member.sequence for member, are_light in typed if not are_light)
    return AntibodyRecord(
        members[0].line, code, heavy[0].sequence, light[0].sequence if light else None,
        antigen=others, flags=("antigen_is_rest_of_entry",) if others else (),
    )  # fmt: skip


def _chosen_readings(records: Sequence[FastaRecord]) -> list[ChainName]:
    """The reading of each header: a sure one, else one that another record bears out."""
    possible = [readings(record.header) for record in records]
    partners: dict[str, dict[Chain | None, bool]] = {}
    for record, several in zip(records, possible, strict=True):
        for reading in several:
            chains = partners.setdefault(reading.name, {})
            chains[reading.chain] = chains.get(reading.chain, True) and looks_heavy(record.sequence)
    # In a file that labels its pairs by letters, or every record, a lone H is a label as well.
    by_letter = any({"heavy", "light"} <= set(chains) for chains in partners.values()) or all(
        any(reading.chain == "heavy" and reading.name and not reading.inside for reading in several)
        for several in possible
    )
    return [
        _choose(record, several, partners, by_letter)
        for record, several in zip(records, possible, strict=True)
    ]


def _choose(
    record: FastaRecord,
    several: Sequence[ChainName],
    partners: dict[str, dict[Chain | None, bool]],
    by_letter: bool,
) -> ChainName:
    """``partners`` has, for each name, its chains and whether all records of one look heavy."""
    plain = ChainName(record.id, None)
    if record.header.strip().lower() == "a" and "heavy" in partners.get("", ()):
        return ChainName("", "antigen")
    for reading in several:
        chains = partners[reading.name]
        if reading.sure or (reading.chain == "antigen" and (not reading.name or "heavy" in chains)):
            return reading
        if {"heavy", "light"} <= set(chains):
            # Two VHHs may be called nb-H and nb-L.
            return plain if chains["heavy"] and chains["light"] else reading
        if (
            reading.chain == "light"
            and reading.name
            and not reading.inside
            and not looks_heavy(record.sequence)
        ):
            return reading
        if reading.chain == "heavy" and reading.name and by_letter and not reading.inside:
            return reading
    return plain


def _chains(record: FastaRecord, reading: ChainName, problems: list[Problem]) -> AntibodyRecord:
    name, chain = reading.name, reading.chain
    parts = [part for part in _JOINERS.split(record.sequence) if part]
    if chain == "antigen":
        return AntibodyRecord(record.line, name, antigen=tuple(parts))
    if len(parts) > 2 or (len(parts) == 2 and chain is not None):
        expected = "one chain" if chain else "VH:VL"
        reason = f"{len(parts)} chains in record {record.header!r}, where {expected} is wanted"
        problems.append(Problem(record.line, None, reason))
    if len(parts) == 2 and chain is None:
        return AntibodyRecord(record.line, name, heavy=parts[0], light=parts[1])
    chains = {chain or "heavy": record.sequence}
    return AntibodyRecord(
        record.line, name, chains.get("heavy"), chains.get("light"), chains.get("scfv")
    )


def _clashing_chain(old: AntibodyRecord, new: AntibodyRecord) -> str:
    if old.antigen and new.antigen:
        return "an antigen"
    if new.antigen or (old.antigen and not (old.heavy or old.light or old.scfv)):
        return ""
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
    for file, records in ((path, heavies), (light, lights)):
        _refuse_repeats(file, records)
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


def _refuse_repeats(file: Path, records: Iterable[tuple[str, FastaRecord]]) -> None:
    first_lines: dict[str, int] = {}
    problems = []
    for name, record in records:
        if name in first_lines:
            reason = f"the id {name!r} stands already on line {first_lines[name]}"
            problems.append(Problem(record.line, None, reason, "Give each record its own id"))
        first_lines.setdefault(name, record.line)
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
