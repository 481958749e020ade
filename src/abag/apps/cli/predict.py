"""``abag predict``: one pair, or a table of pairs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.apps.cli.options.reading import AS_IT_IS, FileChoices
from abag.errors import OptionError, counted

if TYPE_CHECKING:
    from abag.inference.outputs import Shown
    from abag.inference.tables import PredictedFile
    from abag.inference.variants import GivenParent

_SHOWN: Final = 20


@dataclass(frozen=True)
class VariantsOf:
    """The antibody of which the rows of a table are variants."""

    parent: str | None = None
    """With --table: file of the antibody of which the rows are variants (table, FASTA, AIRR or
    structure), or `library` for the commonest residues of the table. The rows give whole chains,
    mutations in any notation that `abag adapt` reads, or CDRs alone in columns HCDR1 to LCDR3."""
    parent_heavy: str | None = None
    """Heavy chain of that antibody instead of a file."""
    parent_light: str | None = None
    """Its light chain."""
    numbering: str | None = None
    """How mutations are counted: sequential (from 1), imgt, kabat, chothia or martin; of
    CDRs: imgt, kabat or chothia, found by itself where it can be."""

    def chosen(self, antigen: list[str]) -> GivenParent | str | None:
        """The parent, its chains read; None where none is named."""
        from abag.inference.variants import LIBRARY, given_parent

        if self.parent is None and self.parent_heavy is None:
            if self.parent_light is not None:
                raise OptionError("a parent needs its heavy chain: give --parent-heavy as well")
            return None
        if self.parent == LIBRARY and self.parent_heavy is None:
            return LIBRARY
        path = None if self.parent is None else Path(self.parent)
        return given_parent(self.parent_heavy, self.parent_light, path, antigen)


@dataclass(frozen=True)
class RowOptions:
    """Which rows of a table are written, and how."""

    keep_going: Annotated[bool, Parameter(negative=())] = False
    """Write rows that cannot be predicted without a value and with their reason."""
    resume: Annotated[bool, Parameter(negative=())] = False
    """Refuse to begin anew: go on from OUT.partial, which must be of this table and options."""
    keep_columns: Annotated[bool, Parameter(negative=())] = False
    """Write the table's own columns beside the predictions, unchanged."""
    sort: str | None = None
    """Column of the predictions to order rows by, highest first."""
    top: int | None = None
    """Write the best rows alone: this many, by --sort or the predicted value."""

    def shown(self) -> Shown:
        """As the writer of predictions takes them."""
        from abag.inference.outputs import Shown

        return Shown(self.keep_columns, self.sort, self.top)


EVERY_ROW: Final = RowOptions()


def predict(
    *,
    model: Path | None = None,
    heavy: str | None = None,
    light: str | None = None,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    table: Path | None = None,
    out: Path | None = None,
    map_: Annotated[list[str] | None, Parameter(name="--map", negative=())] = None,
    of: Annotated[VariantsOf, Parameter(name="*")] = VariantsOf(),
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    rows: Annotated[RowOptions, Parameter(name="*")] = EVERY_ROW,
    level: float = 0.9,
    abstain: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Predict pKd for one pair or for a table of pairs.

    Args:
        model: Any saved model: a folder of `abag fit`, `abag adapt` or `abag train` (RUN/model), or
            NAME@REVISION of `abag pull`; without it, the model that abag ships.
        heavy: Heavy chain, VHH or whole scFv, one-letter code; constant domains are trimmed.
        light: Light chain; none for VHH and heavy-chain antibodies.
        antigen: Antigen chain, or a FASTA file of it; repeat the option for several chains. With
            --table, of every pair that names none. A model of one assay needs none.
        table: File of pairs instead of one pair: CSV, TSV, Parquet, FASTA, AIRR, PDB or mmCIF.
        out: File for the predictions of a table; its ending, .csv or .parquet, chooses the format.
        map_: Which column is what, as heavy=VH; repeat it. Usual names are found without it.
        of: Options for variants of one antibody.
        file_choices: Options for files that leave a choice.
        rows: Which rows of a table are written, and how.
        level: Share of the intervals that are to hold the measured value.
        abstain: Refuse pairs that are no variant of a measured pair.
        json: Print one JSON object.
    """
    from abag.inference.inputs import given_antigen

    targets = given_antigen([chain for chain in antigen or [] if chain.strip()])
    if table is None:
        if names := _given_options(file_choices, rows, of, out=out, map=map_):
            raise OptionError(f"{', '.join(names)}: only with --table FILE; name the table too")
        _one_pair(model, heavy, light, targets, level, abstain, json)
        return
    if heavy is not None or light is not None:
        raise OptionError("give either --table or --heavy and --light, not both")
    if out is None and not json:
        raise OptionError("--out is missing: name a file for the predictions, .csv or .parquet")
    from abag.inference.tables import predict_file

    predicted = predict_file(
        model, table, out, map_ or [], antigen=targets, keep_going=rows.keep_going, level=level,
        abstain=abstain, choices=file_choices.choices(), parent=of.chosen(targets),
        numbering=of.numbering, resume=rows.resume, shown=rows.shown(),
    )  # fmt: skip
    _tell_left_out(predicted)
    emit(predicted.as_json(), _file_text(predicted), json)


def _one_pair(
    model: Path | None,
    heavy: str | None,
    light: str | None,
    targets: list[str],
    level: float,
    abstain: bool,
    json: bool,
) -> None:
    if not heavy or not heavy.strip():
        raise _missing("--heavy")
    if not targets and model is None:
        raise _missing("--antigen")
    from abag.inference import load

    predictor = load(model, level=level)
    if not targets and predictor.needs_antigen:
        raise _missing("--antigen")
    prediction = predictor.predict_pair(heavy, light, targets, abstain=abstain)
    emit(prediction.as_json(), prediction.in_words(), json)


def _missing(option: str) -> OptionError:
    return OptionError(
        f"{option} is missing: one pair needs --heavy and --antigen (and --light where there "
        "is one); many pairs go into a file, --table pairs.csv --out predictions.csv"
    )


def _given_options(*groups: FileChoices | RowOptions | VariantsOf, **single: object) -> list[str]:
    """Names of the options that are not at their default."""
    names = [name for name, value in single.items() if value]
    for group in groups:
        names += [o.name for o in fields(group) if getattr(group, o.name) != o.default]
    return [f"--{name.replace('_', '-')}" for name in names]


def _tell_left_out(predicted: PredictedFile) -> None:
    for note in predicted.notes:
        tell(f"note: {note}")
    for problem in predicted.left_out[:_SHOWN]:
        tell(f"left out: {problem}")
    if len(predicted.left_out) > _SHOWN:
        tell(f"left out: {len(predicted.left_out) - _SHOWN} more")


def _file_text(predicted: PredictedFile) -> str:
    rows = counted(predicted.rows, "row")
    text = f"{predicted.predicted} of {rows} predicted by {predicted.model_id}: {predicted.out}"
    if predicted.problems:
        text += (
            f"\n{counted(predicted.problems, 'row')} not predicted; the column `problem` says why"
        )
    return text
