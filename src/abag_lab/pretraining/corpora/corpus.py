"""The corpus: distinct antibodies and antigen chains, cleaned, numbered, clustered, parted.

Antibodies are cut to their variable domains. Clusters of similar chains are held out whole, so
that held-out perplexity is not that of near copies.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.alphabet import MAX_ANTIBODY_RESIDUES, sequence_hash
from abag.antibody.numbering import IMGT_REGIONS, NumberedDomain, number_chains
from abag.data.chains import clean_antigen, spell
from abag.data.engineered.constructs import MIN_VARIABLE_DOMAIN_RESIDUES
from abag.errors import MissingFileError
from abag.files import require_folder, sha256_of
from abag_lab.pretraining.corpora.corpus_sources import (
    CORPUS_SOURCES,
    CorpusSource,
    RawMolecule,
    thinned,
)
from abag_lab.pretraining.corpora.holdout import held_out_clusters, loop_clusters

SCHEMA: Final[dict[str, pl.DataType]] = {
    "id": pl.String(),
    "role": pl.String(),
    "heavy": pl.String(),
    "light": pl.String(),
    "antigen": pl.String(),
    "heavy_positions": pl.List(pl.Int32()),
    "light_positions": pl.List(pl.Int32()),
    "cluster": pl.String(),
    "held_out": pl.Boolean(),
}
"""A row for each molecule; an IMGT code (:func:`position_code`) for each of its residues."""

INSERTIONS: Final = 32
SHORTEST_ANTIGEN: Final = 30
SAME_LOOPS_KEPT: Final = 4
"""Antibodies kept that share both CDR3s and both lengths."""

NumberChains = Callable[[Iterable[str]], Mapping[str, tuple[NumberedDomain, ...]]]


def position_code(position: str) -> int:
    """IMGT position as a number that sorts: ``105`` is 105 * 32, ``111A`` is 111 * 32 + 1."""
    digits = position.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    letters = 0
    for letter in position[len(digits) :]:
        letters = letters * 26 + ord(letter) - ord("A") + 1
    return int(digits) * INSERTIONS + min(letters, INSERTIONS - 1)


_REGION_OF: Final = {
    number: name
    for name, (first, last) in IMGT_REGIONS.items()
    for number in range(first, last + 1)
}


def region_of(code: int) -> str:
    """IMGT region (FR1 to FR4, CDR1 to CDR3) of a position code."""
    return _REGION_OF[code // INSERTIONS]


@dataclass
class _Gathering:
    """Molecules accepted so far, by their id, and how often each set of CDR3s occurred."""

    number: NumberChains
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    same_loops: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add_file(self, raw: list[RawMolecule]) -> tuple[Counter[str], Counter[str]]:
        """Add the molecules of one file; returns counts of accepted ones and of reasons."""
        accepted: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        spelled = {
            text: spell(text, "antibody chain", MAX_ANTIBODY_RESIDUES)
            for row in raw
            for text in (row.heavy, row.light, row.scfv)
            if text
        }
        readable = sorted({chain.sequence for chain in spelled.values() if not chain.problem})
        domains = self.number(readable)
        for row in raw:
            texts = [text for text in (row.heavy, row.light, row.scfv) if text]
            if texts:
                in_row = [
                    domain for text in texts for domain in domains.get(spelled[text].sequence, ())
                ]
                why = self._antibody(in_row)
                (accepted if why == "antibodies" else dropped)[why] += 1
            for chain in row.antigen:
                why = self._antigen(chain)
                (accepted if why == "antigens" else dropped)[why] += 1
        return accepted, dropped

    def _antibody(self, domains: list[NumberedDomain]) -> str:
        heavies = [d for d in domains if not d.kind.is_light]
        lights = [d for d in domains if d.kind.is_light]
        if len(heavies) != 1 or len(lights) > 1:
            return "not one heavy and at most one light variable domain"
        parts = heavies + lights
        if any(len(d.sequence) < MIN_VARIABLE_DOMAIN_RESIDUES for d in parts):
            return "variable domain incomplete"
        loops = tuple(f"{d.cdr3}:{len(d.sequence)}" for d in parts)
        key = sequence_hash("/".join(d.sequence for d in parts))
        if key in self.rows:
            return "antibody seen before"
        if self.same_loops[loops] >= SAME_LOOPS_KEPT:
            return f"more than {SAME_LOOPS_KEPT} antibodies with these CDR3s"
        self.same_loops[loops] += 1
        heavy, light = heavies[0], lights[0] if lights else None
        self.rows[key] = {
            "id": key,
            "role": "antibody",
            "heavy": heavy.sequence,
            "light": light.sequence if light else None,
            "heavy_positions": [position_code(p) for p in heavy.positions],
            "light_positions": [position_code(p) for p in light.positions] if light else None,
            "loop": heavy.cdr3,
        }
        return "antibodies"

    def _antigen(self, text: str) -> str:
        chain = clean_antigen(text)
        if chain.problem:
            return "antigen cannot be read"
        if len(chain.sequence) < SHORTEST_ANTIGEN:
            return f"antigen under {SHORTEST_ANTIGEN} residues"
        key = sequence_hash(chain.sequence)
        if key in self.rows:
            return "antigen seen before"
        self.rows[key] = {"id": key, "role": "antigen", "antigen": chain.sequence}
        return "antigens"


def build_corpus(
    folder: Path,
    *,
    held_out_share: float = 0.05,
    seed: int = 0,
    sources: tuple[CorpusSource, ...] = CORPUS_SOURCES,
    number: NumberChains = number_chains,
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read, clean, number, cluster and part the corpus of ``folder`` (one folder a source).

    Returns:
        The table in :data:`SCHEMA`, sorted by id, and its manifest: for every file its SHA-256,
        licence and counts; for the table its counts and digest.

    Raises:
        MissingFileError: none of the sources is in the folder.
    """
    require_folder(folder)
    gathering = _Gathering(number)
    files = []
    for source in sources:
        if not (folder / source.name).is_dir():
            continue
        for name, raw in source.reader(folder / source.name):
            chosen = thinned(raw) if source.is_library else raw
            accepted, dropped = gathering.add_file(chosen)
            if len(raw) > len(chosen):
                dropped["variant of a library, thinned out"] = len(raw) - len(chosen)
            files.append(
                {
                    "source": source.name,
                    "file": name,
                    "sha256": sha256_of(folder / source.name / name),
                    "licence": source.licence,
                    "licence_stated": source.statement,
                    "rows": len(raw),
                    "kept": dict(sorted(accepted.items())),
                    "left_out": dict(sorted(dropped.items())),
                }
            )
    if not gathering.rows:
        names = ", ".join(source.name for source in sources)
        raise MissingFileError(f"{folder} holds none of the corpus sources ({names})")
    table = _parted(list(gathering.rows.values()), held_out_share, seed)
    return table, {"files": files, **_counts(table)}


def _parted(rows: list[dict[str, Any]], share: float, seed: int) -> pl.DataFrame:
    """Cluster antibodies by CDR-H3 and antigens by identity, and hold out whole clusters."""
    from abag.data.similarity import antigen_clusters

    antigens = [row["antigen"] for row in rows if row["role"] == "antigen"]
    by_loop = loop_clusters({row["loop"] for row in rows if row["role"] == "antibody"})
    by_antigen = antigen_clusters([(chain,) for chain in antigens])
    for row in rows:
        antibody = row["role"] == "antibody"
        row["cluster"] = by_loop[row["loop"]] if antibody else by_antigen[row["antigen"]]
    chosen: set[str] = set()
    for role in ("antibody", "antigen"):
        sizes = Counter(row["cluster"] for row in rows if row["role"] == role)
        chosen |= held_out_clusters(sizes, share, seed)
    for row in rows:
        row["held_out"] = row["cluster"] in chosen
        row.pop("loop", None)
    return pl.DataFrame(rows, schema=SCHEMA).sort("id")


def _counts(table: pl.DataFrame) -> dict[str, Any]:
    """Counts by part and role, and a digest of what is trained on."""
    lengths = pl.sum_horizontal(
        pl.col(name).str.len_chars().fill_null(0) for name in ("heavy", "light", "antigen")
    )
    counts = (
        table.group_by("held_out", "role")
        .agg(
            molecules=pl.len(),
            clusters=pl.col("cluster").n_unique(),
            paired=pl.col("light").is_not_null().sum(),
            residues=lengths.sum(),
        )
        .sort("held_out", "role")
    )
    return {"counts": counts.to_dicts(), "digest": corpus_digest(table)}


def corpus_digest(table: pl.DataFrame) -> str:
    """SHA-256 of the ids of a corpus (hashes of the chains) and of what is held out."""
    digest = hashlib.sha256()
    for key, held_out in table.select("id", "held_out").iter_rows():
        digest.update(f"{key} {int(held_out)}\n".encode())
    return digest.hexdigest()
