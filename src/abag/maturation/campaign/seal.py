"""The sealed plate: its predictions, fixed by a SHA-256 before anything is measured.

``seal.json`` of a round holds every well's variant, its prediction, interval, chances and reason,
the expected hits of the plate, and the seal of the round before. Its SHA-256 stands in the round's
state and is printed: whoever keeps that line elsewhere can show later that nothing was changed.
``proposed.csv`` is for people; results are matched to the seal and judged by it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from abag.antibody.antibody import Chains
from abag.errors import CampaignError, FileFormatError
from abag.files import read_json, sha256_of, write_json
from abag.maturation.propose.proposals import Proposals
from abag.version import VERSION

SEAL: Final = "seal.json"
FORMAT: Final = "abag-seal"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class SealedWell:
    """One well as it was predicted; a control has the prediction of the variant it repeats."""

    name: str
    well: str
    plate: int
    kind: str
    """``variant``, ``replicate`` or ``control``."""
    mutations: str
    chains: Chains
    predicted: float
    lower_90: float | None
    upper_90: float | None
    over_best: float | None
    over_parent: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal that was opened: its text was checked against the SHA-256 of its round."""

    wells: tuple[SealedWell, ...]
    best_so_far: float
    parent: float
    plates: dict[str, Any]
    """What plates are expected to give, by name (:class:`.expectation.PlateExpectation`)."""
    sha256: str
    interval_scale: float = 1.0
    """Factor on the widths of intervals that plates before this one asked for."""

    @property
    def variants(self) -> dict[Chains, SealedWell]:
        """The proposed variants, each once."""
        return {well.chains: well for well in self.wells if well.kind == "variant"}

    @property
    def names(self) -> dict[str, Chains]:
        """Chains by the names of wells, and by the wells alone where there is one plate only."""
        chains = {well.name: well.chains for well in self.wells}
        if len({well.plate for well in self.wells}) == 1:
            chains |= {well.well: well.chains for well in self.wells}
        return chains


def write_seal(folder: Path, proposals: Proposals, table: pl.DataFrame, previous: str) -> str:
    """Seal a plate; returns the SHA-256 of the file.

    Args:
        folder: The round.
        proposals: What was chosen.
        table: The wells, from :func:`abag.maturation.plate.table.plate_table`.
        previous: SHA-256 of the seal of the round before; empty for the first.
    """
    proposed = {(variant.heavy, variant.light or None): variant for variant in proposals.chosen}
    wells = []
    for row in table.iter_rows(named=True):
        variant = proposed.get((row["heavy"], row["light"] or None))
        wells.append(
            {
                "name": row["name"], "well": row["well"], "plate": row["plate"],
                "kind": row["kind"], "mutations": row["mutations"], "heavy": row["heavy"],
                "light": row["light"],
                "predicted": variant.predicted if variant else row["predicted"],
                "lower_90": variant.lower_90 if variant else None,
                "upper_90": variant.upper_90 if variant else None,
                "over_best": variant.chance_over_best if variant else None,
                "over_parent": variant.chance_over_parent if variant else None,
                "reason": row["reason"],
            }
        )  # fmt: skip
    content = {
        "format": FORMAT, "format_version": FORMAT_VERSION, "abag_version": VERSION,
        "previous_seal": previous, "model_id": proposals.model_id, "unit": proposals.unit,
        "request": asdict(proposals.request), "expected": proposals.expected.as_json(),
        "interval_scale": proposals.interval_scale, "wells": wells,
    }  # fmt: skip
    write_json(folder / SEAL, content)
    return sha256_of(folder / SEAL)


def open_seal(folder: Path, sha256: str) -> Seal:
    """Read the seal of a round.

    Raises:
        CampaignError: the file is not there, is damaged, or was changed after it was sealed.
    """
    path = folder / SEAL
    if not path.is_file():
        raise CampaignError(f"{path} is missing; restore it from a copy")
    digest = sha256_of(path)
    if digest != sha256:
        raise CampaignError(
            f"{path} is not what was sealed (SHA-256 {digest[:12]}, sealed as {sha256[:12]}); "
            "restore it from a copy, or its predictions prove nothing"
        )
    try:
        content = read_json(path)
        expected = content["expected"]
        wells = tuple(_sealed_well(well) for well in content["wells"])
        return Seal(
            wells, float(expected["best_so_far"]), float(expected["parent"]), expected["plates"],
            digest, float(content.get("interval_scale", 1.0)),
        )  # fmt: skip
    except (FileFormatError, KeyError, TypeError, ValueError) as error:
        raise CampaignError(f"{path} is damaged ({error}); restore it from a copy") from None


def _sealed_well(content: dict[str, Any]) -> SealedWell:
    chains = content.pop("heavy"), content.pop("light") or None
    return SealedWell(chains=chains, **content)
