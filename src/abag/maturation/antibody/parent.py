"""The parent antibody of a scan or plate: from chains, a file, or a model of its variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from abag.antibody.antibody import Antibody, Chains
from abag.data.formats.choices import Choices
from abag.errors import OptionError, SequenceError, counted


@dataclass(frozen=True, slots=True)
class Parent:
    """The antibody whose mutants are scanned, cleaned, with notes on what cleaning changed."""

    antibody: Antibody
    name: str
    antigen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def chains(self) -> Chains:
        """Heavy and light chain."""
        return self.antibody.sequences


def read_parent(
    heavy: str | None = None,
    light: str | None = None,
    *,
    path: Path | None = None,
    name: str | None = None,
    antigen: Sequence[str] = (),
    choices: Choices | None = None,
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
    pairs = (
        one_pair(heavy or "", light, list(antigen))
        if path is None
        else _chosen_antibody(path, name, choices)
    )
    row = cleaned(pairs).row(0, named=True)
    if row["problem"]:
        raise SequenceError(f"the parent cannot be read: {row['problem']}")
    antigen_chains = tuple(antigen) or tuple(row["antigen"] or ())
    notes = tuple(
        f"parent: {flag.replace('_', ' ')}"
        for flag in row["flags"]
        if flag not in ("antigen_unknown", "light_missing")
    )
    antibody = Antibody.of(row["heavy"], row["light"])
    return Parent(antibody, name or row["antibody_name"] or "antibody", antigen_chains, notes)


def parent_of_model(
    folder: Path, *, name: str | None = None, antigen: Sequence[str] = ()
) -> Parent:
    """The parent as a model of an assay remembers it: the commonest residue of each position.

    Raises:
        OptionError: the model is of another kind and remembers no chains.
    """
    from abag.model.protocol import load_model

    model = load_model(folder)
    chains = model.reference_chains()
    if chains is None:
        raise OptionError(
            f"name the antibody by --heavy (and --light) or --parent: the model {model.model_id} "
            "does not remember its parent"
        )
    parent = read_parent(*chains, name=name, antigen=antigen)
    note = "parent: the commonest residue of each position of the model's training rows"
    return replace(parent, notes=(note, *parent.notes))


def _chosen_antibody(path: Path, name: str | None, choices: Choices | None) -> pl.DataFrame:
    from abag.data.formats.reading import read_pairs

    pairs = read_pairs(path, choices=choices, antigen_unknown=True).frame
    names = pairs["antibody_name"].drop_nulls().unique(maintain_order=True).to_list()
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    if name is not None:
        pairs = pairs.filter(pl.col("antibody_name") == name)
        if pairs.is_empty():
            raise OptionError(f"{path} has no antibody {name!r}; it has {listed or 'no names'}")
    distinct = pairs.select("heavy", "light", "scfv").n_unique()
    if distinct > 1:
        mend = f"choose one with --name ({listed})" if listed else "keep one row"
        raise OptionError(f"{path} has {counted(distinct, 'antibody', 'antibodies')}; {mend}")
    return pairs[:1]
