"""``abag pull`` fetches a release; ``abag models`` lists what is here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.apps.cli.release.making import text_of


def pull(
    model: str,
    *,
    source: str | None = None,
    endpoint: str | None = None,
    again: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fetch a release and check its sums; then `--model NAME@REVISION` means it everywhere.

    Args:
        model: ORGANISATION/NAME@REVISION of the hub, or a folder or git address, with @REVISION.
        source: Folder or git address where NAME@REVISION lies, if not on the hub.
        endpoint: Address of the hub, in place of its own.
        again: Fetch it although it is here.
        json: Print one JSON object.
    """
    from abag.release.pull import pull as fetch

    pulled = fetch(model, source, endpoint=endpoint, again=again)
    how = "pulled" if pulled.new else "already here, whole"
    text = f"{text_of(pulled.facts)}\n{how}: use it as --model {pulled.name}"
    emit(pulled.as_json(), text, json)


def models(
    *,
    card: str | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """List the models that are here: the shipped one, and releases that were pulled.

    Args:
        card: Print the card of this one (NAME@REVISION, or shipped).
        json: Print one JSON object.
    """
    from abag.inference.predictor import SHIPPED_MODEL
    from abag.model.artefact import CARD, read_manifest, shelved
    from abag.release.comparison import released
    from abag.release.verify import read_facts

    if card is not None:
        shipped = card == "shipped"
        path = SHIPPED_MODEL / CARD if shipped else released(Path(card)) / "README.md"
        text = path.read_text(encoding="utf-8")
        emit({"card": text}, text.rstrip(), json)
        return
    lines = [{"model": "shipped", "id": read_manifest(SHIPPED_MODEL)["model_id"],
              "recommendation": "", "folder": str(SHIPPED_MODEL)}]  # fmt: skip
    for name, folder in shelved().items():
        facts = read_facts(folder)
        lines.append({"model": str(name), "id": facts["model"]["id"],
                      "recommendation": facts["recommendation"]["what"],
                      "folder": str(folder)})  # fmt: skip
    width = max(len(line["model"]) for line in lines)
    text = "\n".join(
        f"{line['model']:{width}}  {line['id']}  {line['recommendation']}".rstrip()
        for line in lines
    )
    emit({"models": lines}, text, json)
