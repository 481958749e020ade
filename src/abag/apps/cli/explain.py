"""``abag explain``: which positions of the antibody carry a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli.output import emit
from abag.apps.cli.reading import AS_IT_IS, FileChoices
from abag.errors import OptionError


def explain(
    *,
    heavy: str | None = None,
    light: str | None = None,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    parent: Path | None = None,
    name: str | None = None,
    structure: Path | None = None,
    read: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    model: Path | None = None,
    substitutes: str = "ACDEFGHIKLMNPQRSTVWY",
    out: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Show which positions of the antibody carry a prediction, by mutating each of them.

    Args:
        heavy: Heavy chain, VHH or whole scFv, one-letter code.
        light: Light chain; none for VHH and heavy-chain antibodies.
        antigen: Antigen chain, or a FASTA file of it; repeat the option for several chains. A
            model of one assay needs none.
        parent: File that holds the antibody instead: table, FASTA, AIRR or structure.
        name: Which antibody of that file.
        structure: PDB or mmCIF file of a complex instead of chains; its contacts are compared with
            what the model finds important.
        read: Options for files that leave a choice.
        model: Folder of a model that `abag fit` saved; without it, the model that abag ships.
        substitutes: Residues that each position is replaced by.
        out: Folder for importance.csv, importance.png and explanation.json.
        overwrite: Replace an explanation that is in the folder.
        json: Print one JSON object.
    """
    from abag.data.formats.antigens import given_antigen
    from abag.files import require_own
    from abag.inference import load
    from abag.inference.explaining.explain import (
        EXPLANATION_FILES,
        explain_structure,
        write_explanation,
    )
    from abag.inference.explaining.explain import explain as explain_pair

    if out is not None:
        require_own(out, EXPLANATION_FILES, "an explanation", overwrite=overwrite)

    if structure is not None:
        if heavy is not None or light is not None or antigen or parent is not None:
            raise OptionError(
                "give either --structure, or --heavy or --parent and --antigen, not both"
            )
        names = read.choices().chains
        found = explain_structure(load(model), structure, substitutes=substitutes, chains=names)
    else:
        predictor = load(model)
        target = given_antigen(antigen or [])
        if parent is not None:
            heavy, light, target = _of_file(parent, name, heavy, light, target, read)
        elif read != AS_IT_IS:
            raise OptionError("--chains, --arm and --most-umis belong to --structure or --parent")
        if not heavy or (not target and predictor.needs_antigen):
            missing = "--antigen" if heavy else "--heavy"
            raise OptionError(
                f"{missing} is missing: give --heavy and --antigen (and --light where there is "
                "one), or the --structure of a complex"
            )
        found = explain_pair(predictor, heavy, light, target, substitutes=substitutes)
    files = write_explanation(found, out, overwrite=overwrite) if out is not None else {}
    content = found.as_json()
    if out is not None:
        content = {**content, "files": files}
        content.pop("positions")
    text = found.in_words()
    if files:
        text += "\n\n" + "\n".join(files.values())
    emit(content, text, json)


def _of_file(
    path: Path,
    name: str | None,
    heavy: str | None,
    light: str | None,
    target: list[str],
    read: FileChoices,
) -> tuple[str, str | None, list[str]]:
    """Chains and antigen of the one antibody of a file."""
    from abag.maturation.antibody.parent import read_parent

    found = read_parent(heavy, light, path=path, name=name, antigen=target, choices=read.choices())
    return *found.chains, list(found.antigen)
