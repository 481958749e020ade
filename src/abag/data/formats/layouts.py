"""Known layouts: tables of databases and instruments, recognised by their column names.

A layout is one :class:`KnownLayout`, and a place in :data:`LAYOUTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from abag.data.formats.mapping import ColumnMapping
from abag.units import is_missing

_WITHOUT_VALUE: Final = "it holds no measurements: pairs to predict can be read of it"


def _unchanged(table: pl.DataFrame) -> pl.DataFrame:
    return table


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """A table of a database or an instrument, recognised by its column names."""

    name: str
    needs: frozenset[str]
    """Columns that a table of this layout has, in lower case."""
    columns: Mapping[str, str]
    """Raw column -> column of the layout; those that a table lacks are left to be found."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Values that hold for every row of such a table."""
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = _unchanged
    """Adds columns that the layout only implies; rows stay as they are."""
    note: str = ""
    """What users must know about reading this layout."""
    antigen_unknown: bool = False
    """Whether such tables name antigens without their sequences."""

    def fits(self, table: pl.DataFrame) -> bool:
        """Whether the table has the columns of the layout."""
        return self.needs <= {name.lower() for name in table.columns}

    def applied(
        self, table: pl.DataFrame, mapping: ColumnMapping
    ) -> tuple[pl.DataFrame, ColumnMapping, tuple[str, ...]]:
        """The table with the columns that the layout implies, the completed mapping, and notes.

        The user's mapping wins over the layout.
        """
        table = self.prepare(table)
        # A name that is spelt alike wins: a report may have both kd, the rate, and KD.
        by_case = {name.lower(): name for name in table.columns}
        spelt = {column: column for column in table.columns}
        mapped = mapping.columns()
        columns = {
            raw: name
            for raw, column in self.columns.items()
            if (name := spelt.get(column) or by_case.get(column.lower())) is not None
            and raw not in mapped
            and getattr(mapping.constants, raw, None) in (None, ())
            and name not in mapping.ignore
        }
        update: dict[str, Any] = {
            raw: (column,) if raw == "antigen" else column for raw, column in columns.items()
        }
        constants = {
            name: value
            for name, value in self.constants.items()
            if getattr(mapping.constants, name) is None and name not in mapped
        }
        update["constants"] = mapping.constants.model_copy(update=constants)
        if self.antigen_unknown:
            update["antigen_unknown"] = True
        note = f"read as {self.name}" + (f": {self.note}" if self.note else "")
        return table, mapping.model_copy(update=update), (note,)


# Observed Antibody Space: a line of metadata, then AIRR columns; paired or one chain a row.
_OAS_HEAVY: Final = "Heavy sequence_alignment_aa"
_OAS_LIGHT: Final = "Light sequence_alignment_aa"

OAS_PAIRED: Final = KnownLayout(
    name="OAS, paired",
    needs=frozenset({"sequence_alignment_aa_heavy", "sequence_alignment_aa_light"}),
    columns={
        "heavy": "sequence_alignment_aa_heavy", "light": "sequence_alignment_aa_light",
        "antibody_name": "sequence_id_heavy",
    },
    note=_WITHOUT_VALUE,
    antigen_unknown=True,
)  # fmt: skip


def _by_locus(table: pl.DataFrame) -> pl.DataFrame:
    chain = pl.col("sequence_alignment_aa")
    heavy = pl.col("v_call").str.to_uppercase().str.starts_with("IGHV")
    return table.with_columns(
        pl.when(heavy).then(chain).alias(_OAS_HEAVY), pl.when(~heavy).then(chain).alias(_OAS_LIGHT)
    )


OAS_UNPAIRED: Final = KnownLayout(
    name="OAS, unpaired",
    needs=frozenset({"sequence_alignment_aa", "v_call", "redundancy", "anarci_status"}),
    columns={"heavy": _OAS_HEAVY, "light": _OAS_LIGHT, "antibody_name": "sequence_id"},
    prepare=_by_locus,
    note=f"light chains alone are no antibodies and are refused by row; {_WITHOUT_VALUE}",
    antigen_unknown=True,
)


# Thera-SAbDab: therapeutic antibodies with their variable domains; targets by name alone.
_THERA_HEAVY: Final = "Heavy chain of the first arm"
_THERA_LIGHT: Final = "Light chain of the first arm"


def _first_arm(table: pl.DataFrame) -> pl.DataFrame:
    """The chains of the first arm, whose columns are spelt in two ways in the releases."""
    by_key = {name.lower().replace(" ", ""): name for name in table.columns}
    return table.with_columns(
        pl.col(by_key["heavysequence"]).alias(_THERA_HEAVY),
        pl.col(by_key["lightsequence"]).alias(_THERA_LIGHT),
    )


def _thera(needs: set[str]) -> KnownLayout:
    return KnownLayout(
        name="Thera-SAbDab",
        needs=frozenset(needs),
        columns={
            "heavy": _THERA_HEAVY, "light": _THERA_LIGHT, "antibody_name": "Therapeutic",
            "antigen_name": "Target",
        },
        prepare=_first_arm,
        note=f"of a bispecific antibody the first arm is read; {_WITHOUT_VALUE}",
        antigen_unknown=True,
    )  # fmt: skip


THERA_SABDAB: Final = _thera({"therapeutic", "heavysequence", "lightsequence", "target"})
THERA_SABDAB_SPACED: Final = _thera({"therapeutic", "heavy sequence", "light sequence", "target"})


# CoV-AbDab: antibodies and nanobodies against coronaviruses; what they bind by name alone.
COV_ABDAB: Final = KnownLayout(
    name="CoV-AbDab",
    needs=frozenset({"name", "ab or nb", "binds to", "vhorvhh", "vl"}),
    columns={
        "heavy": "VHorVHH", "light": "VL", "antibody_name": "Name", "antigen_name": "Binds to",
        "reference": "Sources",
    },
    note=_WITHOUT_VALUE,
    antigen_unknown=True,
)  # fmt: skip


# IEDB: exports of B cell assays and receptors, whose header has two lines (group, then field). The
# names are those that public programs for these exports use. Exports of assays hold no chains and
# those of receptors no values: joined by the assay's id they are a table of measurements.
_QUANTITY: Final = "Quantity of Assay - Response measured"


def _quantities(table: pl.DataFrame) -> pl.DataFrame:
    """``dissociation constant KD`` as KD; an unknown quantity keeps its text and is refused."""
    name = next(n for n in table.columns if n.lower() == "assay - response measured")
    text = pl.col(name)
    known = pl.lit(None, dtype=pl.String)
    for word, quantity in (("KD", "KD"), ("KA", "KA"), ("IC50", "IC50"), ("EC50", "EC50")):
        known = pl.when(text.str.contains(rf"\b{word}\b")).then(pl.lit(quantity)).otherwise(known)
    return table.with_columns(pl.coalesce(known, text).alias(_QUANTITY))


IEDB: Final = KnownLayout(
    name="IEDB",
    needs=frozenset({"assay - response measured", "assay - quantitative measurement"}),
    columns={
        "value": "Assay - Quantitative measurement",
        "relation": "Assay - Measurement Inequality",
        "unit": "Assay - Units",
        "quantity": _QUANTITY,
        "method": "Assay - Method",
        "temperature_celsius": "Assay - Temperature",
        "antigen": "Epitope - Name",
        "antigen_name": "Epitope - Source Molecule",
        "heavy": "Chain 1 - Protein Sequence",
        "light": "Chain 2 - Protein Sequence",
        "antibody_name": "Receptor - Reference Name",
        "reference": "Reference - PMID",
        "structure_id": "Assay - PDB ID",
    },
    prepare=_quantities,
    note="the epitope's residues are the antigen, chain 1 is the heavy chain; assays and receptors "
    "are exports of their own, to be joined by the assay's id",
)

IEDB_RECEPTORS: Final = KnownLayout(
    name="IEDB receptors",
    needs=frozenset({"chain 1 - protein sequence", "chain 2 - protein sequence"}),
    columns={
        "heavy": "Chain 1 - Protein Sequence", "light": "Chain 2 - Protein Sequence",
        "antigen": "Epitope - Name", "antigen_name": "Epitope - Source Molecule",
        "antibody_name": "Receptor - Reference Name", "reference": "Reference - PMID",
    },
    note=f"chain 1 is the heavy chain; {_WITHOUT_VALUE}",
)  # fmt: skip


# Therapeutics Data Commons, SAbDab_Liu: both chains in one cell, KD in mol/L as ``Y``.
_TDC_HEAVY: Final = "Antibody (heavy)"
_TDC_LIGHT: Final = "Antibody (light)"


def _tdc_chains(table: pl.DataFrame) -> pl.DataFrame:
    """``['EVQL...', 'DIQM...']`` as two columns."""
    parts = [re.findall(r"[A-Za-z*]+", cell or "") for cell in table["Antibody"]]
    return table.with_columns(
        pl.Series(_TDC_HEAVY, [p[0] if p else None for p in parts], pl.String),
        pl.Series(_TDC_LIGHT, [p[1] if len(p) > 1 else None for p in parts], pl.String),
    )


TDC: Final = KnownLayout(
    name="TDC SAbDab_Liu",
    needs=frozenset({"antibody_id", "antibody", "antigen_id", "antigen", "y"}),
    columns={
        "heavy": _TDC_HEAVY, "light": _TDC_LIGHT, "antigen": "Antigen", "value": "Y",
        "antibody_name": "Antibody_ID", "antigen_name": "Antigen_ID",
    },
    constants={"quantity": "KD"},
    prepare=_tdc_chains,
    note="Y is KD in mol/L as downloaded (--unit M), or pKd after convert_to_log (--unit pKd)",
)  # fmt: skip


# ProteinGym's substitution benchmarks: a mutant, its sequence and a score, higher is fitter.
_MUTATIONS: Final = "mutations of mutant"

PROTEINGYM: Final = KnownLayout(
    name="ProteinGym substitutions",
    needs=frozenset({"mutant", "mutated_sequence", "dms_score"}),
    columns={"heavy": "mutated_sequence", "value": "DMS_score", "mutations": _MUTATIONS},
    constants={"quantity": "enrichment", "unit": "score"},
    prepare=lambda table: table.with_columns(
        pl.col("mutant").str.replace_all(":", ";", literal=True).alias(_MUTATIONS)
    ),
    note="the mutated protein must be the antibody; scores order variants, no more",
    antigen_unknown=True,
)


# Adaptyv's results: a design a row or a replicate, KD in mol/L, and whether it bound at all. As in
# ``results/replicate_summary.csv`` of adaptyvbio/egfr_competition_2 (GitHub), with sequences by
# name in a file of their own (``name,replicate,kd,kon,koff,binding_strength,binding,expression``),
# or with a column ``sequence``.
_VALUE: Final = "kd or no binding (M)"
_TOP: Final = 1e-5
"""KD above which the tables hold nothing: the value that 40 of their rows share."""


def _adaptyv_value(kd: str | None, binding: str | None) -> str | None:
    """``NB`` where a design did not bind and has no KD; a bound at the top of the range."""
    if is_missing(kd):
        return "NB" if str(binding).strip().lower() in ("false", "no", "0") else kd
    try:
        return f">{kd}" if float(kd or "") == _TOP else kd
    except ValueError:
        return kd


def _adaptyv_values(table: pl.DataFrame) -> pl.DataFrame:
    cells = [
        _adaptyv_value(kd, bound) for kd, bound in zip(table["kd"], table["binding"], strict=True)
    ]
    return table.with_columns(pl.Series(_VALUE, cells, pl.String))


ADAPTYV: Final = KnownLayout(
    name="Adaptyv results",
    needs=frozenset({"name", "kd", "binding"}),
    columns={
        "scfv": "sequence",
        "value": _VALUE,
        "antibody_name": "name",
        "antigen_name": "target",
    },
    constants={"quantity": "KD", "unit": "M", "method": "BLI"},
    prepare=_adaptyv_values,
    note="kd is in mol/L, and 1e-05, the top of the range, is a bound; designs that are no "
    "antibodies are refused by row",
)


# Result tables of Biacore, Octet and Carterra: names, rates and KD, without sequences. They go with
# a file of sequences by name: ``abag data import CHAINS.fasta --labels RESULTS.csv``. Headers of
# Biacore Insight are those that Benchling's open allotropy reads; those of Octet are of the kinetic
# result tables that public scripts read. Reports of TitrationAnalysis (for Carterra, T200 and
# Octet) name ``KD`` without its unit; it is kd / ka in mol/L. No table of Carterra's own program is
# public: it is recognised by ``Ligand`` and ``Analyte``. Where KD is in another unit, its column is
# found by its name.
_NOTE: Final = (
    "the molecule on the sensor is taken for the antibody; if it was the antigen, say so "
    "(--map antibody_name={other} --map antigen_name={mine})"
)

BIACORE: Final = KnownLayout(
    name="Biacore results",
    needs=frozenset({"capture 1 solution", "analyte 1 solution"}),
    columns={
        "value": "KD (M)", "antibody_name": "Capture 1 Solution",
        "antigen_name": "Analyte 1 Solution",
    },
    constants={"method": "SPR"},
    note=_NOTE.format(other='"Analyte 1 Solution"', mine='"Capture 1 Solution"'),
)  # fmt: skip

BIACORE_SINGLE_CYCLE: Final = KnownLayout(
    name="Biacore results (single-cycle kinetics)",
    needs=frozenset({"capture 1 solution", "single cycle kinetics 1 solution"}),
    columns={
        "value": "KD (M)", "antibody_name": "Capture 1 Solution",
        "antigen_name": "Single cycle kinetics 1 Solution",
    },
    constants={"method": "SPR"},
    note=_NOTE.format(
        other='"Single cycle kinetics 1 Solution"', mine='"Capture 1 Solution"'
    ),
)  # fmt: skip

OCTET: Final = KnownLayout(
    name="Octet results",
    needs=frozenset({"loading sample id", "sample id"}),
    columns={"value": "KD (M)", "antibody_name": "Loading Sample ID", "antigen_name": "Sample ID"},
    constants={"method": "BLI"},
    note=_NOTE.format(other='"Sample ID"', mine='"Loading Sample ID"'),
)

TITRATION_ANALYSIS: Final = KnownLayout(
    name="a report of TitrationAnalysis",
    needs=frozenset({"ligand", "analyte", "fitting#", "rmax global", "kd stderr"}),
    columns={"value": "KD", "antibody_name": "Ligand", "antigen_name": "Analyte"},
    constants={"quantity": "KD", "unit": "M"},
    note=f"KD is in mol/L; {_NOTE.format(other='Analyte', mine='Ligand')}",
)

CARTERRA: Final = KnownLayout(
    name="Carterra results",
    needs=frozenset({"ligand", "analyte"}),
    columns={"value": "KD (M)", "antibody_name": "Ligand", "antigen_name": "Analyte"},
    constants={"method": "SPR"},
    note=_NOTE.format(other="Analyte", mine="Ligand"),
)


LAYOUTS: Final[tuple[KnownLayout, ...]] = (
    TDC, THERA_SABDAB, THERA_SABDAB_SPACED, COV_ABDAB, OAS_PAIRED, OAS_UNPAIRED, IEDB,
    IEDB_RECEPTORS, PROTEINGYM, OCTET, BIACORE, BIACORE_SINGLE_CYCLE, TITRATION_ANALYSIS, CARTERRA,
    ADAPTYV,
)  # fmt: skip
"""Every known layout; the first that fits is taken."""


def recognise(
    table: pl.DataFrame, mapping: ColumnMapping
) -> tuple[pl.DataFrame, ColumnMapping, tuple[str, ...]]:
    """The table and mapping completed by the first layout that fits, and a note; else unchanged."""
    layout = next((known for known in LAYOUTS if known.fits(table)), None)
    return (table, mapping, ()) if layout is None else layout.applied(table, mapping)
