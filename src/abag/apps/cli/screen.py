"""``abag screen``: a library of thousands or millions against one or several antigens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.apps.cli.options.reading import AS_IT_IS, FileChoices
from abag.engines import ANYWHERE, WorkPlace
from abag.errors import counted

if TYPE_CHECKING:
    from abag.inference.variants import GivenParent
    from abag.screening.run import Screened


@dataclass(frozen=True)
class ParentOfLibrary:
    """The antibody of which all rows are variants."""

    parent: Path | None = None
    """File of the antibody of which all rows are variants."""
    parent_heavy: str | None = None
    """Heavy chain of that antibody instead of a file."""
    parent_light: str | None = None
    """Its light chain."""
    numbering: str = "sequential"
    """How mutations are counted: sequential (from 1), imgt, kabat, chothia or martin."""

    def chosen(self) -> GivenParent | None:
        """The parent, its chains read; None where none is named."""
        from abag.inference.variants import given_parent

        if (self.parent, self.parent_heavy, self.parent_light) == (None, None, None):
            return None
        return given_parent(self.parent_heavy, self.parent_light, self.parent)


def screen(
    library: list[str],
    /,
    *,
    out: Path,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    model: Path | None = None,
    best: int = 100,
    where: str | None = None,
    by: str | None = None,
    alike: float = 0.9,
    of: Annotated[ParentOfLibrary, Parameter(name="*")] = ParentOfLibrary(),
    map_: Annotated[list[str] | None, Parameter(name="--map", negative=())] = None,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    level: float = 0.9,
    shard_rows: int = 10_000,
    where_done: Annotated[WorkPlace, Parameter(name="*")] = ANYWHERE,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Screen a library: numbered, predicted, filtered, the best kept; stopped, it goes on.

    Args:
        library: Files or folders: Parquet, CSV, TSV, FASTA or AIRR, plain or .gz, local or such as
            s3://bucket/library.
        out: Folder for best.csv, quarantine.csv, manifest.json and predictions/.
        antigen: Letters of an antigen, or a FASTA file of one or several; repeat it for more.
        model: Folder of a model of `abag fit` or `abag adapt`; without it, the one abag ships.
        best: Rows to keep of each antigen.
        where: Condition on the columns of a prediction, as in SQL: "pkd >= 8 AND changes <= 6".
        by: Column to rank by, highest first; by itself the predicted value.
        alike: Leave out a row with this CDR identity or more to a better one; 1.1 keeps all.
        of: The antibody of which all rows are variants.
        map_: Which column is what, as heavy=VH; repeat it. Usual names are found without it.
        file_choices: Options for files that leave a choice.
        level: Share of the intervals that are to hold the measured value.
        shard_rows: Rows that are done, and written, at once.
        where_done: Where the work is done.
        overwrite: Replace an earlier screen in OUT.
        json: Print one JSON object.
    """
    from abag.screening.options import ScreenOptions
    from abag.screening.run import screen_library

    options = ScreenOptions(
        antigens=tuple(antigen or ()), model=model, level=level, mapping=tuple(map_ or ()),
        choices=file_choices.choices(of.numbering), parent=of.chosen(), where=where, by=by,
        best=best, alike=alike, shard_rows=shard_rows,
    )  # fmt: skip
    engine = where_done.engine(every_core=True)
    screened = screen_library(library, out, options, engine, overwrite=overwrite)
    for note in screened.notes:
        tell(f"note: {note}")
    emit(screened.as_json(), _text(screened), json)


def _text(run: Screened) -> str:
    counts = run.counts
    lines = [
        f"{counts.predicted:,} of {counted(counts.pairs, 'pair')} predicted by {run.model_id}, "
        f"{counts.passed:,} passed, {counts.best:,} kept: {run.out}/best.csv",
        f"{run.seconds:,.0f} s, {run.pairs_a_second:,.0f} pairs/s"
        + (f"; {run.shards_before} of {run.shards} shards were done before"
           if run.shards_before else ""),
    ]  # fmt: skip
    if counts.quarantined:
        lines.append(
            f"{counted(counts.quarantined, 'row')} without a prediction, each with its reason: "
            f"{run.out}/quarantine.csv"
        )
    return "\n".join(lines)
