"""``abag release`` makes a release; ``abag release verify`` checks one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from abag.apps.cli import emit, tell
from abag.errors import OptionError
from abag.release.intent import Intent

app = App(
    name="release", help_format="plaintext", default_parameter=Parameter(negative_iterable=())
)
"""`abag release RUN_OR_MODEL` makes one; its parts check and publish it."""


@app.default
def release(
    run_or_model: Path,
    *,
    stated: Annotated[Intent, Parameter(name="*")],
    out: Path,
    table: Path | None = None,
    split: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Make a folder ready to publish: card, notes, citation, artefacts, sums.

    It refuses a model that does not give its stored predictions, rows whose licence forbids it, a
    run whose test part chose anything, and texts with numbers that no artefact has.

    Args:
        run_or_model: Folder of a run, of a saved model, or the word `shipped`.
        stated: What people state of it.
        out: New folder.
        table: Where the training table lies, if it was moved or the model does not say it.
        split: Where the split of a run lies now, if it was moved.
        overwrite: Replace a release that is in the folder.
        json: Print one JSON object.
    """
    from abag.release.bundle import build_release
    from abag.release.subjects import read_subject

    subject = read_subject(run_or_model, table, split)
    facts = build_release(subject, stated, out, overwrite=overwrite)
    emit({"release": str(out), **summary_of(facts)}, f"{text_of(facts)}\nrelease: {out}", json)


@app.command
def verify(
    place: str,
    *,
    source: str | None = None,
    endpoint: str | None = None,
    predictions: bool = True,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Check sums, facts, texts and predictions of a release.

    Args:
        place: A folder, NAME@REVISION of one that was pulled, or an address to pull it from.
        source: Where NAME@REVISION lies, if not on the hub.
        endpoint: Address of the hub, in place of its own.
        predictions: Predict again, too.
        json: Print one JSON object.
    """
    from abag.errors import MissingFileError
    from abag.release.comparison import released
    from abag.release.pull import pull
    from abag.release.verify import verify_release

    try:
        folder = released(Path(place)) if source is None else None
    except MissingFileError:
        folder = None
    folder = folder or pull(place, source, endpoint=endpoint, again=True).folder
    facts = verify_release(folder, predictions=predictions)
    emit({"release": str(folder), **summary_of(facts)}, f"{text_of(facts)}\nwhole: {folder}", json)


@app.command
def publish(
    folder: Path,
    *,
    git: str | None = None,
    hub: str | None = None,
    branch: str = "main",
    endpoint: str | None = None,
    private: Annotated[bool, Parameter(negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Publish a release to a git remote with LFS, or to a hub; stopped anywhere, it goes on.

    The token of a hub comes from its client's own store or from HF_TOKEN, never from an option.

    Args:
        folder: A release of `abag release`.
        git: Address of a git remote.
        hub: ORGANISATION/NAME of a hub.
        branch: Branch of the git remote.
        endpoint: Address of the hub, in place of its own.
        private: Make the hub's repository a private one.
        dry_run: Show the steps and do none.
        json: Print one JSON object.
    """
    from abag.files import scratch_folder
    from abag.release.publishing import steps

    if (git is None) == (hub is None):
        raise OptionError("name --git ADDRESS or --hub ORGANISATION/NAME, one of the two")
    publication = steps.publication(folder, git or hub or "")
    with scratch_folder() as scratch:
        if git is not None:
            from abag.release.publishing.gitlfs import git_steps

            planned = git_steps(publication, branch, scratch)
        else:
            from abag.release.publishing.hub import hub_steps

            planned = hub_steps(publication, endpoint, scratch, private=private)
        shown = [{"step": step.name, "does": step.words} for step in planned]
        did = [] if dry_run else steps.carry_out(planned, publication, tell)
    lines = [f"{number}/{len(shown)} {step['step']}: {step['does']}"
             for number, step in enumerate(shown, start=1)]  # fmt: skip
    published = f"published {publication.title} as {publication.tag}: {publication.address}"
    content = {"release": str(folder), "steps": shown, "done_now": did, "tag": publication.tag}
    emit(content, "\n".join(lines) if dry_run else published, json)


def summary_of(facts: dict[str, Any]) -> dict[str, Any]:
    """What machines want to know of a release."""
    stated = facts["given"]
    return {
        "name": stated["name"],
        "version": stated["version"],
        "model_id": facts["model"]["id"],
        "recommendation": facts["recommendation"]["what"],
        "issues": [issue["text"] for issue in facts["issues"]],
    }


def text_of(facts: dict[str, Any]) -> str:
    """Name, recommendation and known issues."""
    stated = facts["given"]
    lines = [f"{stated['name']} {stated['version']} ({facts['model']['id']})"]
    lines.append(facts["recommendation"]["words"])
    return "\n".join([*lines, *(f"  {issue['text']}" for issue in facts["issues"])])
