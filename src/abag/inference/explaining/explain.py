"""Which positions of the antibody carry a prediction: in-silico mutation of each of them.

Every residue of the variable domains is replaced, one at a time. A model of effects says what each
change does, and the importance of a position is the part of it that is a matter of contact with
the antigen (:func:`abag.model.pairs.relatives.contact_importance`); the changes themselves, which
are of the fold as well, stand beside. Any other model is asked again for each mutant, and the
importance is the mean absolute change: what the model uses, which need not be the paratope.
With a structure, contacts tell (:mod:`abag.inference.explaining.contacts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.tables import Pairs
from abag.errors import OptionError
from abag.files import new_result, write_csv, write_json
from abag.inference.explaining.contacts import ContactMap, agreement
from abag.inference.explaining.explanation import SCHEMA, Explanation
from abag.inference.inputs import cleaned, one_pair
from abag.inference.predictor import Predictor
from abag.model.protocol import EffectsOfChanges
from abag.pictures import written
from abag.progress import track

if TYPE_CHECKING:
    from abag.data.formats.choices import ChainNames

Reals = NDArray[np.float64]
_STEP: Final = 2_000


def explain(
    predictor: Predictor,
    heavy: str,
    light: str | None = None,
    antigen: str | Sequence[str] = (),
    *,
    substitutes: str = AMINO_ACIDS,
) -> Explanation:
    """Replace each residue of the variable domains by each of ``substitutes``.

    Raises:
        OptionError: ``substitutes`` holds a letter that is no amino acid.
        SequenceError, ModelError: as :meth:`Predictor.predict_pair`.
    """
    letters = "".join(dict.fromkeys(substitutes.upper()))
    if not letters or set(letters) - set(AMINO_ACIDS):
        raise OptionError(f"substitutes {substitutes!r}: give letters of amino acids, such as AW")
    prediction = predictor.predict_pair(heavy, light, antigen)
    pair = Pairs(cleaned(one_pair(heavy, light, antigen)))
    mutants, substitutions = _mutants(pair, letters)
    change = _changes(predictor, pair, mutants)
    table = substitutions.with_columns(change=pl.Series(change))
    changes = table.group_by("chain", "position", maintain_order=True).agg(
        importance=pl.col("change").abs().mean(),
        mean_change=pl.col("change").mean(),
        lowest_change=pl.col("change").min(),
        lowest_to=pl.col("to").sort_by("change", maintain_order=True).first(),
        highest_change=pl.col("change").max(),
        highest_to=pl.col("to").sort_by("change", maintain_order=True).last(),
    )
    positions = _labelled(pair).join(
        changes, on=["chain", "position"], how="left", maintain_order="left"
    )
    if (effects := predictor.model.effects) is not None:
        positions = _by_contact(effects, positions)
    return Explanation(
        prediction,
        positions.with_columns(
            contact=pl.lit(None, pl.Boolean), distance_angstrom=pl.lit(None, pl.Float64)
        ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()),
        letters,
    )


def _changes(predictor: Predictor, pair: Pairs, mutants: Pairs) -> Reals:
    """Change of the prediction by each mutant: its effect on this antibody, where a model has one.

    A model of effects is asked for these alone: which measured relative a mutant happens to be
    nearest to is no property of the residue.
    """
    model = predictor.model
    steps = [mutants.slice(start, _STEP) for start in range(0, mutants.height, _STEP)]
    shown = track(steps, "replacing residues")
    if (effects := model.effects) is not None:
        parent = (pair["heavy"][0], pair["light"][0] or "")
        return np.concatenate([effects.effects_on(parent, step)[0] for step in shown])
    values = np.concatenate([model.predict(step) for step in shown])
    return np.asarray(values - model.predict(pair)[0])


def _by_contact(effects: EffectsOfChanges, positions: pl.DataFrame) -> pl.DataFrame:
    """Importance of contact in the place of the mean change, which is of the fold as well."""
    chains = {
        chain: "".join(positions.filter(pl.col("chain") == chain)["residue"])
        for chain in positions["chain"].unique(maintain_order=True)
    }
    importance = np.concatenate([effects.importance_of(chain) for chain in chains.values()])
    return positions.with_columns(importance=pl.Series(importance))


def explain_structure(
    predictor: Predictor,
    path: Path,
    *,
    substitutes: str = AMINO_ACIDS,
    seed: int = 0,
    chains: ChainNames | None = None,
) -> Explanation:
    """Explain the first (or the named) complex of a structure, and compare with its contacts.

    Raises FileFormatError where the file holds no antibody with an antigen, else as
    :func:`explain`.
    """
    contacts = ContactMap.read(path, chains)
    explanation = explain(
        predictor, contacts.heavy, contacts.light, contacts.antigen, substitutes=substitutes
    )
    domains = {
        chain: "".join(explanation.positions.filter(pl.col("chain") == chain)["residue"])
        for chain in ("heavy", "light")
    }
    distances = [d for chain, domain in domains.items() for d in contacts.distances(chain, domain)]
    cutoff = contacts.cutoff_angstrom
    positions = explanation.positions.with_columns(
        contact=pl.Series([None if d is None else d < cutoff for d in distances], dtype=pl.Boolean),
        distance_angstrom=pl.Series(
            [d if d is not None and d < cutoff else None for d in distances], dtype=pl.Float64
        ),
    )
    return Explanation(
        explanation.prediction, positions, explanation.substitutes, agreement(positions, seed=seed)
    )


def write_explanation(
    explanation: Explanation, folder: Path, *, overwrite: bool = False
) -> dict[str, str]:
    """Write ``importance.csv``, ``importance.png`` and ``explanation.json``; paths by name.

    Raises:
        OptionError: ``folder`` holds other files, or an explanation to be kept.
    """
    from abag.inference.explaining.picture import draw

    with new_result(folder, EXPLANATION_FILES, "an explanation", overwrite=overwrite) as scratch:
        write_csv(scratch / "importance.csv", explanation.positions)
        draw(explanation, scratch / "importance.png")
        write_json(scratch / "explanation.json", explanation.as_json())
    return {name: str(folder / name) for name in written(EXPLANATION_FILES)}


EXPLANATION_FILES: Final = ("importance.csv", "importance.png", "explanation.json")


def _mutants(pair: Pairs, letters: str) -> tuple[Pairs, pl.DataFrame]:
    """Every single mutant as a pair to predict, and the substitution of each row."""
    row = pair.frame.row(0, named=True)
    chains: list[dict[str, Any]] = []
    substitutions: list[tuple[str, int, str]] = []
    for chain in ("heavy", "light"):
        sequence = row[chain] or ""
        for index, residue in enumerate(sequence):
            for letter in letters:
                if letter != residue:
                    changed = sequence[:index] + letter + sequence[index + 1 :]
                    chains.append({"heavy": row["heavy"], "light": row["light"], chain: changed})
                    substitutions.append((chain, index + 1, letter))
    schema = {"heavy": pl.String(), "light": pl.String()}
    mutants = pl.DataFrame(chains, schema=schema).with_columns(
        antigen=pl.lit(row["antigen"], pl.List(pl.String()))
    )
    return Pairs(mutants), pl.DataFrame(
        substitutions, schema=["chain", "position", "to"], orient="row"
    )


def _labelled(pair: Pairs) -> pl.DataFrame:
    """Chain, position, number in every scheme, region and residue of both variable domains."""
    from abag.antibody.numbering import number_chains
    from abag.antibody.numbering.domains import IMGT_REGIONS
    from abag.antibody.numbering.schemes import OTHER_SCHEMES, SCHEMES, scheme_positions

    row = pair.frame.row(0, named=True)
    rows: list[tuple[str | int, ...]] = []
    for chain in ("heavy", "light"):
        sequence = row[chain] or ""
        labels = {scheme: ["-"] * len(sequence) for scheme in SCHEMES}
        for domain in number_chains([sequence])[sequence] if sequence else ():
            for scheme in SCHEMES:
                for offset, position in enumerate(scheme_positions(domain, scheme) or ()):
                    labels[scheme][domain.start + offset] = position
        for index, (residue, label) in enumerate(zip(sequence, labels["imgt"], strict=True)):
            number = int("".join(c for c in label if c.isdigit()) or 0)
            inside = (name for name, (a, b) in IMGT_REGIONS.items() if a <= number <= b)
            others = (labels[scheme][index] for scheme in OTHER_SCHEMES)
            rows.append((chain, index + 1, label, next(inside, "-"), residue, *others))
    columns = ["chain", "position", "imgt", "region", "residue", *OTHER_SCHEMES]
    return pl.DataFrame(rows, schema=columns, orient="row")
