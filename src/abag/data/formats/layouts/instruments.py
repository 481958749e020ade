"""Result tables of Biacore, Octet and Carterra: names, rates and KD, without sequences.

They go with a file of sequences by name: ``abag data import CHAINS.fasta --labels RESULTS.csv``.
The molecule on the sensor is taken for the antibody; where it was the antigen, map the other one.
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
    needs=frozenset({"capture 1 solution", "analyte 1 solution", "kd (m)"}),
    columns={
        "value": "KD (M)", "antibody_name": "Capture 1 Solution",
        "antigen_name": "Analyte 1 Solution",
    },
    constants={"method": "SPR"},
    note=_NOTE.format(other='"Analyte 1 Solution"', mine='"Capture 1 Solution"'),
)  # fmt: skip

OCTET: Final = KnownLayout(
    name="Octet results",
    needs=frozenset({"loading sample id", "sample id", "kd (m)"}),
    columns={"value": "KD (M)", "antibody_name": "Loading Sample ID", "antigen_name": "Sample ID"},
    constants={"method": "BLI"},
    note=_NOTE.format(other='"Sample ID"', mine='"Loading Sample ID"'),
)

CARTERRA: Final = KnownLayout(
    name="Carterra results",
    needs=frozenset({"ligand", "analyte", "kd (m)"}),
    columns={"value": "KD (M)", "antibody_name": "Ligand", "antigen_name": "Analyte"},
    constants={"method": "SPR"},
    note=_NOTE.format(other="Analyte", mine="Ligand"),
)
