"""``abag scan``: every single mutant of an antibody, from table to interactive page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from abag.data.mutations import SEQUENTIAL
from abag.errors import OptionError, SequenceError, counted
from abag.files import make_folder, replacing, require_folder_name, write_json, write_text
from abag.maturation.liabilities import (
    Liability,
    find_liabilities,
    new_liabilities,
    worst,
)
from abag.maturation.mutants import Site, choose_sites, mutant_chains, single_mutants
from abag.maturation.numbered import NumberedAntibody
from abag.maturation.scan_effects import (
    Chains,
    Effects,
    Reals,
    RemembersParent,
    model_effects,
    zero_shot_effects,
)
from abag.sequences import ChainKind

if TYPE_CHECKING:
    from abag.data.mutations import Mutation
    from abag.maturation.naturalness import Naturalness

FILES: Final = ("scan.csv", "scan.fasta", "heatmap.png", "scan.html", "summary.json")
_VHH_NOTE: Final = (
    "naturalness: the encoder has seen few nanobodies, and takes their hallmark residues (IMGT 42, "
    "49, 50, 52) for unusual; do not let it turn them into those of a VH"
)
SHOWN: Final = 20
"""Mutants named in the summary."""


@dataclass(frozen=True, slots=True)
class Parent:
    """The antibody whose mutants are scanned, cleaned, and what was mended in its chains."""

    antibody: NumberedAntibody
    name: str
    antigen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def chains(self) -> Chains:
        """Heavy and light chain."""
        light = self.antibody.light
        return self.antibody.heavy.sequence, None if light is None else light.sequence


@dataclass(frozen=True, slots=True)
class Scan:
    """Single mutants of a parent with their effects, best first."""

    parent: Parent
    sites: tuple[Site, ...]
    table: pl.DataFrame
    """One row a mutant; see docs/scan.md for its columns."""
    effects: Effects
    level: float
    parent_liabilities: tuple[Liability, ...]
    folder: Path

    @property
    def notes(self) -> tuple[str, ...]:
        """What was mended in the chains, and what the model warns of."""
        found = (*self.parent.notes, *self.effects.notes)
        single = self.parent.antibody.heavy.kind is ChainKind.VHH
        if single and self.table["naturalness"].is_not_null().any():
            return (*found, _VHH_NOTE)
        return found

    def as_json(self) -> dict[str, Any]:
        """Summary: counts, the best mutants, where the files lie."""
        columns = ["rank", "mutation", "imgt", "region", "delta", "delta_lower", "delta_upper",
                   "liabilities"]  # fmt: skip
        table = self.table
        return {
            "antibody": self.parent.name,
            "model_id": self.effects.model_id,
            "unit": self.effects.unit,
            "level": self.level,
            "parent_value": self.effects.parent_value,
            "parent_liabilities": [str(one) for one in self.parent_liabilities],
            "residues": len(self.sites),
            "mutants": table.height,
            "better_than_parent": int((table["delta"] > 0).sum()),
            "better_without_new_liability": int(
                ((table["delta"] > 0) & (table["liabilities"] == "")).sum()
            ),
            "best": table.select(columns).head(SHOWN).to_dicts(),
            "notes": list(self.notes),
            "files": {name: str(self.folder / name) for name in FILES},
        }


def read_parent(
    heavy: str | None = None,
    light: str | None = None,
    *,
    path: Path | None = None,
    name: str | None = None,
    antigen: Sequence[str] = (),
) -> Parent:
    """The parent from its chains, or from a file that holds it (table, FASTA, AIRR, structure).

    Chains are cleaned as everywhere: an scFv is parted, constant domains are trimmed.

    Raises:
        OptionError: nothing given, or a file with several antibodies and no ``name``.
        SequenceError: a chain cannot be read as what it should be.
    """
    from abag.inference.inputs import cleaned, one_pair

    if (path is None) == (not heavy or not heavy.strip()) or (path is not None and light):
        raise OptionError(
            "name the antibody by --heavy (and --light), or by --parent FILE, one of the two"
        )
    pairs = one_pair(heavy or "", light, list(antigen)) if path is None else _one_of(path, name)
    row = cleaned(pairs).row(0, named=True)
    if row["problem"]:
        raise SequenceError(f"the parent cannot be read: {row['problem']}")
    given = tuple(antigen) or tuple(row["antigen"] or ())
    notes = tuple(
        f"parent: {flag.replace('_', ' ')}"
        for flag in row["flags"]
        if flag not in ("antigen_unknown", "light_missing")
    )
    antibody = NumberedAntibody.of(row["heavy"], row["light"])
    return Parent(antibody, name or row["antibody_name"] or "antibody", given, notes)


def parent_of_model(
    folder: Path, *, name: str | None = None, antigen: Sequence[str] = ()
) -> Parent:
    """The parent as a model of an assay remembers it: the commonest residue of each position.

    Raises:
        OptionError: the model is of another kind and remembers no chains.
    """
    from abag.model.registry import load_model

    model = load_model(folder)
    if not isinstance(model, RemembersParent):
        raise OptionError(
            f"name the antibody by --heavy (and --light) or --parent: the model {model.model_id} "
            "does not remember its parent"
        )
    found = read_parent(*model.reference_chains(), name=name, antigen=antigen)
    note = "parent: the commonest residue of each position of the model's training rows"
    return replace(found, notes=(note, *found.notes))


def _one_of(path: Path, name: str | None) -> pl.DataFrame:
    from abag.inference.inputs import read_pairs

    pairs = read_pairs(path).frame
    names = pairs["antibody_name"].drop_nulls().unique(maintain_order=True).to_list()
    known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    if name is not None:
        pairs = pairs.filter(pl.col("antibody_name") == name)
        if pairs.is_empty():
            raise OptionError(f"{path} has no antibody {name!r}; it has {known or 'no names'}")
    distinct = pairs.select("heavy", "light", "scfv").n_unique()
    if distinct > 1:
        mend = f"choose one with --name ({known})" if known else "keep one row"
        raise OptionError(f"{path} has {counted(distinct, 'antibody', 'antibodies')}; {mend}")
    return pairs[:1]


def scan(
    parent: Parent,
    out: Path,
    *,
    model: Path | None = None,
    cdrs: Sequence[str] = (),
    positions: Sequence[str] = (),
    chains: Sequence[str] = (),
    numbering: str = SEQUENTIAL,
    without_cysteine: bool = False,
    naturalness: bool = False,
    level: float = 0.9,
) -> Scan:
    """Predict every single mutant of the chosen residues, and write all files of a scan.

    Args:
        parent: the antibody, from :func:`read_parent`.
        out: folder for :data:`FILES`.
        model: folder of a saved model; None takes the shipped zero-shot model.
        cdrs: IMGT CDRs such as ``H3``; with positions and chains, see :func:`choose_sites`.
        positions: ``H:100-110`` and the like.
        chains: H or L.
        numbering: how positions are counted.
        without_cysteine: leave out mutants that add or lose a cysteine.
        naturalness: score each mutant under the built-in encoder, too (needs torch).
        level: coverage of the intervals.

    Raises:
        OptionError: residues that are not there.
        ModelError: the model cannot be loaded, or cannot predict this antibody.
        UnavailableError: ``naturalness`` without torch.
    """
    require_level(level)
    require_folder_name(out)
    sites = choose_sites(
        parent.antibody, cdrs=cdrs, positions=positions, chains=chains, numbering=numbering
    )
    scorer = _scorer() if naturalness else None
    mutations = single_mutants(sites, without_cysteine=without_cysteine)
    mutants = mutant_chains(parent.antibody, mutations)
    effects = _effects(model, parent, mutants, level)
    mutations = [mutations[i] for i in effects.kept]
    mutants = [mutants[i] for i in effects.kept]
    natural = None if scorer is None else scorer.of_variants(*parent.chains, mutants)
    table = scan_table(parent, sites, mutations, mutants, effects, natural)
    found = find_liabilities(parent.antibody)
    done = Scan(parent, sites, table, effects, level, found, out)
    write_scan(done)
    return done


def require_level(level: float) -> None:
    """Raise :class:`OptionError` for a coverage that no interval can have."""
    if not 0.0 < level < 1.0:
        raise OptionError(f"the level is {level:g}; give a share between 0 and 1, such as 0.9")


def _effects(
    model: Path | None, parent: Parent, mutants: Sequence[Chains], level: float
) -> Effects:
    if model is None:
        return zero_shot_effects(parent.chains, mutants, parent.antigen, level)
    from abag.model.registry import load_model

    return model_effects(load_model(model), parent.chains, mutants, parent.antigen, level)


def _scorer() -> Naturalness:
    from abag.maturation.naturalness import Naturalness

    return Naturalness()


def scan_table(
    parent: Parent,
    sites: Sequence[Site],
    mutations: Sequence[Mutation],
    mutants: Sequence[Chains],
    effects: Effects,
    natural: Reals | None = None,
) -> pl.DataFrame:
    """One row a mutant, best first; equal effects in the order of the chain."""
    region = {(site.chain, site.place): site.region for site in sites}
    antibody, known = parent.antibody, find_liabilities(parent.antibody)
    added = [new_liabilities(antibody, antibody.variant(*one), known) for one in mutants]
    severities = [worst(found) for found in added]
    delta = effects.delta
    columns = {
        "mutation": pl.Series([str(one) for one in mutations], dtype=pl.String),
        "chain": pl.Series([one.chain for one in mutations], dtype=pl.String),
        "place": pl.Series([one.place for one in mutations], dtype=pl.Int64),
        "imgt": pl.Series([one.imgt or "" for one in mutations], dtype=pl.String),
        "region": pl.Series([region[one.chain, one.place] for one in mutations], dtype=pl.String),
        "wild_type": pl.Series([one.wild_type for one in mutations], dtype=pl.String),
        "mutant": pl.Series([one.mutant for one in mutations], dtype=pl.String),
        "delta": pl.Series(delta, dtype=pl.Float64),
        "delta_lower": _optional(effects.lower),
        "delta_upper": _optional(effects.upper),
        "value": _optional(None if effects.parent_value is None else delta + effects.parent_value),
        "fold_tighter": _optional(10.0**delta if effects.unit == "pKd" else None),
        "naturalness": _optional(natural),
        "liabilities": pl.Series(["; ".join(map(str, found)) for found in added], dtype=pl.String),
        "severity": pl.Series([str(s) if s else "" for s in severities], dtype=pl.String),
        "flags": pl.Series(["; ".join(flags) for flags in effects.flags], dtype=pl.String),
        "heavy": pl.Series([heavy for heavy, _ in mutants], dtype=pl.String),
        "light": pl.Series([light for _, light in mutants], dtype=pl.String),
    }
    rows = len(mutations)
    filled = {
        name: pl.Series([None] * rows, dtype=pl.Float64) if values is None else values
        for name, values in columns.items()
    }
    table = pl.DataFrame(filled).sort("delta", descending=True, maintain_order=True)
    return table.with_row_index("rank", offset=1).with_columns(pl.col("rank").cast(pl.Int64))


def _optional(values: Any) -> pl.Series | None:
    return None if values is None else pl.Series(values, dtype=pl.Float64)


def write_scan(done: Scan) -> None:
    """Write every file of a scan into its folder."""
    from abag.maturation.scan_heatmap import draw_heatmap
    from abag.maturation.scan_page import render_scan

    make_folder(done.folder)
    with replacing(done.folder / "scan.csv") as temporary:
        done.table.write_csv(temporary, float_precision=4)
    write_text(done.folder / "scan.fasta", fasta_of(done.table))
    draw_heatmap(done, done.folder / "heatmap.png")
    write_text(done.folder / "scan.html", render_scan(done))
    write_json(done.folder / "summary.json", done.as_json())


def fasta_of(table: pl.DataFrame) -> str:
    """Mutants as FASTA, best first; heavy and light chain of one mutant share its name."""
    lines = []
    for row in table.select("mutation", "heavy", "light").iter_rows():
        mutation, *chains = row
        for role, chain in zip(("heavy", "light"), chains, strict=True):
            if chain:
                lines.append(f">{mutation}|{role}\n{chain}\n")
    return "".join(lines)
