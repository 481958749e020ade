"""``abag scan``: every single mutant of an antibody, from table to interactive page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from abag.antibody.antibody import Chains
from abag.antibody.notation import SEQUENTIAL
from abag.data.formats.choices import ChainNames
from abag.errors import OptionError
from abag.files import new_result, require_own, write_csv, write_json, write_text
from abag.maturation.antibody.liabilities import find_liabilities
from abag.maturation.antibody.mutants import choose_sites, mutant_chains, single_mutants
from abag.maturation.antibody.naturalness import Naturalness
from abag.maturation.antibody.parent import Parent
from abag.maturation.scan.effects import Effects, model_effects, zero_shot_effects
from abag.maturation.scan.heatmap import draw_heatmap
from abag.maturation.scan.page import render_scan
from abag.maturation.scan.result import FILES, Scan, scan_table
from abag.model.inverse_folding.complexes import ComplexLogOdds
from abag.model.protocol import load_model

_RESULT: Final = "a scan"


def scan(
    parent: Parent,
    out: Path,
    *,
    model: Path | None = None,
    structure: Path | None = None,
    structure_chains: ChainNames | None = None,
    cdrs: Sequence[str] = (),
    positions: Sequence[str] = (),
    chains: Sequence[str] = (),
    numbering: str = SEQUENTIAL,
    without_cysteine: bool = False,
    naturalness: bool = False,
    level: float = 0.9,
    overwrite: bool = False,
) -> Scan:
    """Predict every single mutant of the chosen residues, and write all files of a scan.

    Args:
        parent: the antibody, from :func:`read_parent`.
        out: folder for :data:`FILES`.
        model: folder of a saved model; None takes the shipped zero-shot model.
        structure: the parent on its antigen, for log-odds (ProteinMPNN) and the zero-shot model.
        structure_chains: which chain of the structure is which.
        cdrs: IMGT CDRs such as ``H3``; with positions and chains, see :func:`choose_sites`.
        positions: ``H:100-110`` and the like.
        chains: H or L.
        numbering: how positions are counted.
        without_cysteine: leave out mutants that add or lose a cysteine.
        naturalness: score each mutant under the built-in encoder, too (needs torch).
        level: coverage of the intervals.
        overwrite: replace a scan in ``out``.

    Raises:
        OptionError: residues that are not there, or ``out`` is taken.
        ModelError: the model cannot be loaded, or cannot predict this antibody.
        FileFormatError: the structure cannot be read.
        SequenceError: the structure is of another antibody.
        UnavailableError: ``naturalness`` without torch, ``structure`` without its weights.
    """
    require_level(level)
    require_own(out, FILES, _RESULT, overwrite=overwrite)
    sites = choose_sites(
        parent.antibody, cdrs=cdrs, positions=positions, chains=chains, numbering=numbering
    )
    scorer = Naturalness() if naturalness else None
    odds = None
    if structure is not None:
        odds = ComplexLogOdds.read(structure, parent.chains, structure_chains)
    mutations = single_mutants(sites, without_cysteine=without_cysteine)
    mutants = mutant_chains(parent.antibody, mutations)
    effects = _effects(model, parent, mutants, level, odds)
    mutations = [mutations[i] for i in effects.kept]
    mutants = [mutants[i] for i in effects.kept]
    natural = None if scorer is None else scorer.of_variants(*parent.chains, mutants)
    fit = None if odds is None else odds.of_variants(mutants)
    table = scan_table(parent, sites, mutations, mutants, effects, natural, fit)
    scanned = Scan(parent, sites, table, effects, level, find_liabilities(parent.antibody), out)
    write_scan(scanned, overwrite)
    return scanned


def require_level(level: float) -> None:
    """Raise :class:`OptionError` for a coverage that no interval can have."""
    if not 0.0 < level < 1.0:
        raise OptionError(f"the level is {level:g}; give a share between 0 and 1, such as 0.9")


def _effects(
    model: Path | None,
    parent: Parent,
    mutants: Sequence[Chains],
    level: float,
    odds: ComplexLogOdds | None,
) -> Effects:
    if model is None:
        surroundings = () if odds is None else odds.surroundings_of(mutants)
        return zero_shot_effects(parent.chains, mutants, parent.antigen, level, surroundings)
    return model_effects(load_model(model), parent.chains, mutants, parent.antigen, level)


def write_scan(scanned: Scan, overwrite: bool = False) -> None:
    """Write every file of a scan; they appear whole, all together."""
    with new_result(scanned.folder, FILES, _RESULT, overwrite=overwrite) as scratch:
        write_csv(scratch / "scan.csv", scanned.table, float_precision=4)
        write_text(scratch / "scan.fasta", fasta_of(scanned.table))
        draw_heatmap(scanned, scratch / "heatmap.png")
        write_text(scratch / "scan.html", render_scan(scanned))
        write_json(scratch / "summary.json", scanned.as_json())


def fasta_of(table: pl.DataFrame) -> str:
    """Mutants as FASTA, best first; heavy and light chain of one mutant share its name."""
    lines = []
    for row in table.select("mutation", "heavy", "light").iter_rows():
        mutation, *chains = row
        for role, chain in zip(("heavy", "light"), chains, strict=True):
            if chain:
                lines.append(f">{mutation}|{role}\n{chain}\n")
    return "".join(lines)
