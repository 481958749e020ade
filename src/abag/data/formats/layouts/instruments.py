"""Result tables of Biacore, Octet and Carterra: names, rates and KD, without sequences.

They go with a file of sequences by name: ``abag data import CHAINS.fasta --labels RESULTS.csv``.
The molecule on the sensor is taken for the antibody; where it was the antigen, map the other one.
Headers of Biacore Insight are those that Benchling's open allotropy reads (``Capture 1 Solution``,
``Analyte 1 Solution``, ``KD (M)``), in single cycles ``Single cycle kinetics 1 Solution``; those of
Octet are of the kinetic result tables that public scripts read (``Sample ID``, ``Loading Sample
ID``, ``KD (M)``). Reports of TitrationAnalysis (for Carterra, T200 and Octet) name ``KD`` without
its unit; it is kd / ka in mol/L. No table that Carterra's own program wrote was found in public:
``Ligand`` and ``Analyte`` tell it. Where KD is in another unit, its column is found by its name.
"""

from __future__ import annotations

from typing import Final

from abag.data.formats.layouts.layout import KnownLayout

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
