"""Wells of 96-well plates, row by row, and how a plate is filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from abag.errors import OptionError

ROWS: Final = "ABCDEFGH"
COLUMNS: Final = 12
WELLS: Final = len(ROWS) * COLUMNS


@dataclass(frozen=True, slots=True)
class Well:
    """A place on a plate, from plate 1 and well A1, row by row."""

    plate: int
    name: str

    @classmethod
    def of(cls, number: int) -> Well:
        """The well of the n-th variant, counted from 0."""
        plate, index = divmod(number, WELLS)
        row, column = divmod(index, COLUMNS)
        return cls(plate + 1, f"{ROWS[row]}{column + 1}")


@dataclass(frozen=True, slots=True)
class Layout:
    """How many wells each variant gets, and how many the parent."""

    controls: int = 0
    """Wells of the parent on every plate, at its end: by them plates are compared."""
    replicates: int = 1
    """Wells of each variant."""

    def __post_init__(self) -> None:
        """Raise OptionError for numbers out of range."""
        if not 0 <= self.controls < WELLS:
            raise OptionError(f"--controls is {self.controls}; give a number from 0 to {WELLS - 1}")
        if not 1 <= self.replicates <= WELLS:
            raise OptionError(f"--replicates is {self.replicates}; give a number from 1")

    def wells(self, variants: int) -> list[tuple[Well, int]]:
        """Wells row by row, with the number of the variant in each; -1 is the parent."""
        items = list(range(variants)) * self.replicates
        room = WELLS - self.controls
        filled = []
        for plate in range(-(-len(items) // room)):
            numbers = items[plate * room : (plate + 1) * room] + [-1] * self.controls
            filled += [(Well.of(plate * WELLS + index), n) for index, n in enumerate(numbers)]
        return filled
