"""The request for a plate: how many variants, from which space, and at which cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from abag.antibody.notation import SEQUENTIAL
from abag.errors import OptionError, require_seed
from abag.maturation.antibody.liabilities import LiabilitySeverity
from abag.maturation.propose.acquisition import Policy
from abag.maturation.propose.aims import Aims

MOST_PROPOSALS: Final = 960
"""Ten plates; the joint posterior of a shortlist bears no more."""
LIABILITY_RULES: Final[Mapping[str, tuple[LiabilitySeverity, ...]]] = {
    "avoid": (LiabilitySeverity.HIGH,),
    "strict": (LiabilitySeverity.HIGH, LiabilitySeverity.MEDIUM),
    "flag": (),
}
"""Which new liabilities keep a candidate off the plate; the others are named beside it."""


@dataclass(frozen=True, slots=True)
class Purse:
    """The budget of a plate in any currency, and the prices of a variant and of a mutation."""

    budget: float | None = None
    """None for no limit."""
    variant: float = 0.0
    mutation: float = 0.0

    def __post_init__(self) -> None:
        """Raise OptionError for costs that limit nothing, or for negative ones."""
        if min(self.variant, self.mutation, self.budget or 0.0) < 0:
            raise OptionError("--budget, --cost-variant, --cost-mutation: give numbers from 0")
        if (self.budget is None) != (self.variant == self.mutation == 0):
            raise OptionError(
                "a budget goes with its prices: give --budget together with --cost-variant, "
                "--cost-mutation or both"
            )

    def cost(self, mutations: int) -> float:
        """Price of a variant."""
        return self.variant + self.mutation * mutations


@dataclass(frozen=True, slots=True)
class Request:
    """What to propose.

    ``most`` is the mutation budget; None takes the most that any measured variant has, between 2
    and 8.
    """

    count: int = 96
    most: int | None = None
    cdrs: tuple[str, ...] = ()
    positions: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    letters: str = ""
    numbering: str = SEQUENTIAL
    untried: bool = False
    """Free positions, too, that no measured variant changes (where none are asked for)."""
    most_untried: int | None = 1
    """Most substitutions of a variant that no measured variant has; None for no limit."""
    liabilities: str = "avoid"
    least_natural: float | None = None
    """Candidates less natural than this are left out (None: none is)."""
    policy: Policy = field(default_factory=Policy)
    seed: int = 0
    most_repeats: float = 0.5
    """Largest share of the variants that one mutation may be in."""
    singles: int = 0
    """Variants that are kept for single mutants, from which effects are learnt one by one."""
    purse: Purse = field(default_factory=Purse)
    aims: Aims = field(default_factory=Aims)
    """Further rules for every variant."""

    def __post_init__(self) -> None:
        """Raise OptionError for numbers out of range and unknown rules."""
        require_seed(self.seed)
        if not 1 <= self.count <= MOST_PROPOSALS:
            raise OptionError(f"--n is {self.count}; give 1 to {MOST_PROPOSALS}")
        if self.liabilities not in LIABILITY_RULES:
            raise OptionError(
                f"--liabilities {self.liabilities!r} is not known; give "
                f"{', '.join(LIABILITY_RULES)}"
            )
        if not 0 < self.most_repeats <= 1:
            raise OptionError(
                f"--most-repeats is {self.most_repeats:g}; give a share above 0, 1 for no limit"
            )
        if not 0 <= self.singles <= self.count:
            raise OptionError(f"--singles is {self.singles}; give 0 to {self.count}")
