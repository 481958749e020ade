"""What a user says of a file of measured variants, for every command that learns from one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from abag.maturation.assay.file import AssayFile


@dataclass(frozen=True)
class AssayOptions:
    """What a user says of a file of measured variants."""

    map: Annotated[list[str] | None, Parameter(negative=())] = None
    """`column=header`, for example `heavy=VH`; repeat for several (default: usual names)."""
    unit: str | None = None
    """Unit of the value column where neither its header nor a unit column says it."""
    quantity: str | None = None
    """KD, KA, dG, ddG, IC50, EC50, enrichment or binary, where no column says it."""
    assay: str | None = None
    """The assay to use of a table that holds several."""
    parent_heavy: str | None = None
    """Heavy chain that the mutations of the file change (default: its row WT)."""
    parent_light: str | None = None
    """Light chain of that parent."""
    numbering: str = "sequential"
    """How mutations are counted: sequential, imgt, kabat, chothia, martin or aho."""
    quarantine: Annotated[bool, Parameter(negative=())] = False
    """Set rows with problems aside, with a note, instead of refusing the file."""
    keep_strangers: Annotated[bool, Parameter(negative=())] = False
    """Learn from rows far from the parent, too (default: they are set aside, and a second parent's
    variants get a model of their own)."""
    arm: int | None = None
    """For constructs with several variable domains: which arm, counted along the heavy chain."""

    def assay_file(self) -> AssayFile:
        """As the readers take it."""
        from abag.maturation.assay.file import AssayFile

        return AssayFile(
            self.map or [], self.unit, self.quantity, self.assay, self.parent_heavy,
            self.parent_light, self.numbering, self.quarantine,
            keep_strangers=self.keep_strangers, arm=self.arm,
        )  # fmt: skip


NOTHING_SAID: Final = AssayOptions()
"""All is found in the file."""
