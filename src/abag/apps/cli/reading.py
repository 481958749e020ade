"""Options that every command has which reads antibodies from a file of a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from abag.data.formats.choices import Choices


@dataclass(frozen=True)
class FileChoices:
    """What the user decides where a file leaves a choice."""

    chains: str | None = None
    """For a structure: which chain is which, as heavy=H,light=L,antigen=A,B."""
    arm: int | None = None
    """For constructs with several variable domains: which arm, counted along the heavy chain."""
    most_umis: Annotated[bool, Parameter(negative=())] = False
    """For cells with several heavy or light chains: take the one with the most UMIs."""

    def choices(self, numbering: str = "sequential") -> Choices:
        """As the readers take them."""
        from abag.data.formats.choices import ChainNames, Choices

        names = ChainNames.parse(self.chains) if self.chains else None
        return Choices(names, self.most_umis, self.arm, numbering=numbering)


AS_IT_IS: Final = FileChoices()
"""Nothing is chosen."""
