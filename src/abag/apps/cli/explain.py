"""``abag explain``: which positions of the antibody carry a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli.output import emit
from abag.errors import OptionError


def explain(
    *,
    heavy: str | None = None,
    light: str | None = None,
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    structure: Path | None = None,
    chains: str | None = None,
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
        structure: PDB or mmCIF file of a complex instead of chains; its contacts are compared with
            what the model finds important.
        chains: For --structure: which chain is which, as heavy=H,light=L,antigen=A,B.
        model: Folder of a model that `abag fit` saved; without it, the model that abag ships.
        substitutes: Residues that each position is replaced by.
        out: Folder for importance.csv, importance.png and explanation.json.
        overwrite: Replace an explanation that is in the folder.
        json: Print one JSON object.
    """
    from abag.data.formats.antigens import given_antigen
    from abag.data.formats.choices import ChainNames
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
        if heavy is not None or light is not None or antigen:
            raise OptionError("give either --structure or --heavy, --light and --antigen, not both")
        names = ChainNames.parse(chains) if chains else None
        found = explain_structure(load(model), structure, substitutes=substitutes, chains=names)
    else:
        predictor = load(model)
        target = given_antigen(antigen or [])
        if chains is not None:
            raise OptionError("--chains belongs to --structure")
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
