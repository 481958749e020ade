"""The options of a screen, checked before work begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from abag.data.chains import clean_antigen
from abag.data.formats.choices import Choices
from abag.data.formats.content import FileKind
from abag.errors import OptionError
from abag.inference.inputs import given_antigens
from abag.inference.outputs import COLUMNS
from abag.inference.predictor import Predictor
from abag.inference.variants import GivenParent
from abag.model.artefact import located
from abag.screening.library import PARQUET, SHARD_ROWS, LibraryShard
from abag.screening.reading import LibraryReading
from abag.screening.shards import ScreenWork, condition
from abag.uncertainty.calibration import DEFAULT_LEVEL

_POOL: Final = 20
"""Candidates for each of the best: the diverse are chosen among so many times as many."""


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """The options of a screen, as the user gives them."""

    antigens: tuple[str, ...] = ()
    """Letters of an antigen, or FASTA files of one or several; none for a model without antigens,
    or for tables that name theirs."""
    model: Path | None = None
    level: float = DEFAULT_LEVEL
    mapping: tuple[str, ...] = ()
    choices: Choices = field(default_factory=Choices)
    parent: GivenParent | None = None
    """The antibody of which all rows are variants."""
    where: str | None = None
    """SQL condition on the columns of a prediction."""
    by: str | None = None
    """Column to rank by, highest first; by itself the predicted value."""
    best: int = 100
    """Rows that are kept for each antigen."""
    alike: float = 0.9
    """CDR identity from which a row is left out beside a better one; more than 1 keeps all."""
    shard_rows: int = SHARD_ROWS


def work_of(options: ScreenOptions, predictor: Predictor) -> ScreenWork:
    """The options that all shards share; wrong options are refused here.

    Raises:
        OptionError: an antigen, a condition, a column or a number that does not fit.
    """
    antigens = given_antigens(options.antigens)
    for name, chains in antigens.items():
        for chain in chains:
            if problem := clean_antigen(chain).problem:
                raise OptionError(f"--antigen {name}: {problem}")
    condition(options.where)
    by = options.by or ("pkd" if predictor.model.target == "pkd" else "rank_score")
    _require_ranking(by, options)
    if options.choices.chains is not None:
        raise OptionError("--chains is for structures, which are no library; leave it out")
    user_parent = options.parent
    parent = predictor.parent_chains
    if user_parent is not None:
        parent = user_parent.heavy, user_parent.light
    choices = replace(options.choices, parent=parent)
    folder = located(options.model) if options.model else Path()
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if options.model else []
    return ScreenWork(
        mark="",
        antigens=tuple(antigens.items()),
        model=tuple((p.relative_to(folder).as_posix(), p.read_bytes()) for p in files),
        level=options.level,
        reading=LibraryReading(
            options.mapping, choices, bool(antigens) or not predictor.needs_antigen
        ),
        where=options.where,
        by=by,
        pool=options.best * _POOL,
        parent=None if user_parent is None else parent,
    )


def require_antigen(predictor: Predictor, work: ScreenWork, shards: Sequence[LibraryShard]) -> None:
    """Raise OptionError where the model reads an antigen and nothing names one."""
    tables = any(shard.file.kind in (PARQUET, FileKind.TABLE.value) for shard in shards)
    if predictor.needs_antigen and not work.antigens and not tables:
        raise OptionError(
            "--antigen is missing: give the letters of an antigen, or a FASTA file of one or more"
        )


def _require_ranking(by: str, options: ScreenOptions) -> None:
    if by not in COLUMNS or not COLUMNS[by].is_numeric():
        listed = ", ".join(name for name, dtype in COLUMNS.items() if dtype.is_numeric())
        raise OptionError(f"--by {by}: rank by one of {listed}")
    if options.best < 1:
        raise OptionError(f"--best {options.best}: give the number of rows to keep, 1 or more")
    if not 0.0 < options.alike <= 2.0:
        raise OptionError(
            f"--alike {options.alike:g} is no CDR identity: give more than 0 and at most 1, such "
            "as 0.9 (rows this like a better one are left out), or 1.1 to keep all rows"
        )
