"""CoV-AbDab: antibodies and nanobodies against coronaviruses; what they bind by name alone."""

from __future__ import annotations

from typing import Final

from abag.data.formats.layouts.layout import WITHOUT_VALUE, KnownLayout

COV_ABDAB: Final = KnownLayout(
    name="CoV-AbDab",
    needs=frozenset({"name", "ab or nb", "binds to", "vhorvhh", "vl"}),
    columns={
        "heavy": "VHorVHH", "light": "VL", "antibody_name": "Name", "antigen_name": "Binds to",
        "reference": "Sources",
    },
    note=WITHOUT_VALUE,
    antigen_unknown=True,
)  # fmt: skip
