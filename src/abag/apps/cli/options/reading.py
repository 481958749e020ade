"""Options that every command has which reads antibodies from a file of a user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abag.data.formats.choices import Choices
    from abag.maturation.antibody.parent import Parent


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


@dataclass(frozen=True)
class GivenAntibody:
    """An antibody that a user names by its chains, or by a file that holds it."""

    heavy: str | None = None
    """Heavy chain, VHH or whole scFv, one-letter code; a model of your assay has its own parent."""
    light: str | None = None
    """Light chain; none for VHH and heavy-chain antibodies."""
    parent: Path | None = None
    """File that holds the antibody instead: table, FASTA, AIRR or structure."""
    name: str | None = None
    """Which antibody of that file; also its name in what is written."""

    @property
    def is_named(self) -> bool:
        """Whether chains or a file are given."""
        return self.parent is not None or bool(self.heavy) or bool(self.light)

    def read(self, choices: Choices | None = None, antigen: Sequence[str] = ()) -> Parent:
        """The antibody with its chains cleaned.

        Raises OptionError and SequenceError as :func:`read_parent`.
        """
        from abag.maturation.antibody.parent import read_parent

        return read_parent(
            self.heavy, self.light, path=self.parent, name=self.name, antigen=antigen,
            choices=choices if self.parent is not None else None,
        )  # fmt: skip


NO_ANTIBODY: Final = GivenAntibody()
AS_IT_IS: Final = FileChoices()
"""Nothing is chosen."""
