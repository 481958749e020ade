"""Options of ``abag propose``: where to search, how to choose, what to keep, how to fill wells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

if TYPE_CHECKING:
    from abag.apps.cli.options.positions import FreePositions
    from abag.maturation.plate.wells import Layout
    from abag.maturation.propose.aims import Aims
    from abag.maturation.propose.request import Purse, Request


@dataclass(frozen=True, slots=True)
class Search:
    """Which variants are candidates."""

    max_mutations: int | None = None
    """Most mutations of a variant (default: as the measured ones, 2 to 8)."""
    freeze: Annotated[list[str] | None, Parameter(negative=())] = None
    """Positions that stay whatever else is asked for: H:1-26."""
    untried: Annotated[bool, Parameter(negative=())] = False
    """Without --cdrs and --positions: also change positions that no measured variant changes."""
    max_untried: int = 1
    """Most substitutions of a variant that no measured variant has."""
    letters: str = ""
    """Residues that may be put in (default: all but cysteine); `measured`: those measured there."""
    liabilities: str = "avoid"
    """avoid new severe ones, strict (moderate ones too), or flag them only."""
    least_natural: float | None = None
    """Leave out variants less natural than this under the built-in encoder."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """How variants are chosen among the candidates."""

    acquisition: str = "ucb"
    """ucb, ei, top-set, thompson or greedy."""
    diversity: str = "none"
    """For ucb and ei: none, believer or penalty."""
    beta: float = 1.0
    """For ucb: deviations added to the mean."""
    most_repeats: float = 0.5
    """Largest share of the variants that one mutation may be in; 1 for no limit."""
    singles: int = 0
    """Variants that are kept for single mutants, to learn effects one by one."""
    seed: int = 0
    """Seed of search and draws."""


@dataclass(frozen=True, slots=True)
class Wells:
    """How the plate is filled."""

    controls: int = 0
    """Wells of every plate that hold the parent, at its end."""
    replicates: int = 1
    """Wells of each variant."""
    exclude: Annotated[list[str] | None, Parameter(negative=())] = None
    """Names of wells of a campaign's open plate to be filled with other variants."""

    def layout(self) -> Layout:
        """Controls and replicates."""
        from abag.maturation.plate.wells import Layout

        return Layout(self.controls, self.replicates)

    def unwanted(self) -> list[str]:
        """Names of wells to be filled anew."""
        return [name for text in self.exclude or [] for name in text.split(",") if name]


@dataclass(frozen=True, slots=True)
class Besides:
    """What a plate may cost, and what its variants must keep besides affinity."""

    budget: float | None = None
    """What the variants may cost together, in the currency of the prices."""
    cost_variant: float = 0.0
    """Price of a variant."""
    cost_mutation: float = 0.0
    """Price of each of its mutations."""
    keep: Annotated[list[Path] | None, Parameter(negative=())] = None
    """Model of another antigen whose bond must not be lost; repeat it for several."""
    lose: Annotated[list[Path] | None, Parameter(negative=())] = None
    """Model of an antigen that must not be bound; repeat it for several."""
    margin: float = 0.5
    """How far below the parent counts as lost under those models, in their unit."""
    least_human: float | None = None
    """Smallest humanness: change of ln(share among human antibodies) against the parent."""
    most_from_germline: int | None = None
    """Largest number of residues that differ from the nearest V gene."""
    least_charge: float | None = None
    """Smallest net charge of the variable domains at pH 7.4."""
    most_charge: float | None = None
    """Largest net charge of the variable domains at pH 7.4."""
    pareto: Annotated[bool, Parameter(negative=())] = False
    """Choose among those that none beats on all aims: affinity, --keep, --lose, humanness."""

    def purse(self) -> Purse:
        """Budget and prices."""
        from abag.maturation.propose.request import Purse

        return Purse(self.budget, self.cost_variant, self.cost_mutation)

    def aims(self) -> Aims:
        """The rules on every variant."""
        from abag.maturation.propose.aims import Aims

        keep, lose = (tuple(map(str, paths or ())) for paths in (self.keep, self.lose))
        return Aims(
            keep, lose, self.margin, self.least_human, self.most_from_germline,
            self.least_charge, self.most_charge, self.pareto,
        )  # fmt: skip


ANY_VARIANT: Final = Search()
AS_BEST: Final = Choosing()
NO_MORE: Final = Besides()
ONE_WELL_EACH: Final = Wells()
"""What is meant where nothing is said."""


def request_of(
    n: int, where: FreePositions, search: Search, choosing: Choosing, also: Besides
) -> Request:
    """A request for ``n`` variants, as the rooms behind take it."""
    from abag.maturation.propose.acquisition import Policy
    from abag.maturation.propose.request import Request

    how = (choosing.acquisition, choosing.diversity, choosing.beta)
    policy = Policy(*how)  # type: ignore[arg-type]
    return Request(
        n, search.max_mutations, tuple(where.cdrs or ()), tuple(where.positions or ()),
        tuple(search.freeze or ()), search.letters, where.numbering, search.untried,
        search.max_untried, search.liabilities, search.least_natural, policy, choosing.seed,
        choosing.most_repeats, choosing.singles, also.purse(), also.aims(),
    )  # fmt: skip
