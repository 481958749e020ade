"""``abag explain``: which positions of the antibody carry a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.options.reading import AS_IT_IS, NO_ANTIBODY, FileChoices, GivenAntibody
from abag.errors import OptionError

if TYPE_CHECKING:
    from abag.inference.explaining.explanation import Explanation
    from abag.inference.predictor import Predictor


def explain(
    *,
    of: Annotated[GivenAntibody, Parameter(name="*")] = NO_ANTIBODY,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    structure: Path | None = None,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    model: Path | None = None,
    substitutes: str = "ACDEFGHIKLMNPQRSTVWY",
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Show which positions of the antibody carry a prediction, by mutating each of them.

    Args:
        of: The antibody.
        antigen: Antigen chain, or a FASTA file of it; repeat the option for several chains. A
            model of one assay needs none.
        structure: PDB or mmCIF file of a complex instead of chains; its contacts are compared with
            what the model finds important.
        file_choices: Options for files that leave a choice.
        model: Any saved model: a folder of `abag fit`, `abag adapt` or `abag train` (RUN/model), or
            NAME@REVISION of `abag pull`; without it, the model that abag ships.
        substitutes: Residues that each position is replaced by.
        out: Folder for importance.csv, importance.png and explanation.json.
        overwrite: Replace an explanation that is in the folder.
        json: Print one JSON object.
    """
    from abag.files import require_own
    from abag.inference.explaining.explain import EXPLANATION_FILES, write_explanation

    if out is not None:
        require_own(out, EXPLANATION_FILES, "an explanation", overwrite=overwrite)
    explanation = _explained(model, of, antigen or [], structure, file_choices, substitutes)
    files = write_explanation(explanation, out, overwrite=overwrite) if out is not None else {}
    content = explanation.as_json()
    if out is not None:
        content = {**content, "files": files}
        content.pop("positions")
    text = explanation.in_words()
    if files:
        text += "\n\n" + "\n".join(files.values())
    emit(content, text, json)


def _explained(
    model: Path | None,
    of: GivenAntibody,
    antigen: list[str],
    structure: Path | None,
    file_choices: FileChoices,
    substitutes: str,
) -> Explanation:
    from abag.inference import load
    from abag.inference.explaining.explain import explain as explain_pair
    from abag.inference.explaining.explain import explain_structure
    from abag.inference.inputs import given_antigen

    if structure is None:
        predictor = load(model)
        heavy, light, target = _pair(of, given_antigen(antigen), file_choices, predictor)
        return explain_pair(predictor, heavy, light, target, substitutes=substitutes)
    if of.is_named or antigen:
        raise OptionError(
            "give either --structure, or an antibody (--heavy or --parent) and --antigen, not both"
        )
    names = file_choices.choices().chains
    return explain_structure(load(model), structure, substitutes=substitutes, chains=names)


def _pair(
    of: GivenAntibody, target: list[str], file_choices: FileChoices, predictor: Predictor
) -> tuple[str, str | None, list[str]]:
    """Chains and antigen: of the options, of a file, or the parent of a model of one assay."""
    if of.parent is not None:
        antibody = of.read(file_choices.choices(), target)
        heavy, light, target = *antibody.chains, list(antibody.antigen)
    else:
        own_parent = predictor.parent_chains if of == NO_ANTIBODY else None
        heavy, light = own_parent or (of.heavy or "", of.light)
        if file_choices != AS_IT_IS:
            raise OptionError("--chains, --arm and --most-umis belong to --structure or --parent")
    if not heavy or (not target and predictor.needs_antigen):
        missing = "--antigen" if heavy else "--heavy"
        raise OptionError(
            f"{missing} is missing: give --heavy and --antigen (and --light where there is one), a "
            "--parent FILE, or the --structure of a complex"
        )
    return heavy, light, target
