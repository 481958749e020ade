"""A release as a folder: artefacts, facts, texts and sums, made whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from abag.errors import ReleaseError
from abag.files import make_folder, new_result, read_json, sha256_of, write_json, write_text
from abag.inference.predictor import Predictor
from abag.model.artefact import MODEL, RELEASE
from abag.release.checking import CHECK, write_check
from abag.release.comparison import compare_with_earlier
from abag.release.facts import gather
from abag.release.intent import Intent
from abag.release.subjects import REPORT, RUN, Subject
from abag.release.texts import TEXTS, render

SUMS: Final = "SHA256SUMS"
LICENCE: Final = "LICENSE"
NAMES: Final = frozenset(
    {Path(name).parts[0] for name in TEXTS} | {MODEL, RUN, REPORT, CHECK, RELEASE, SUMS, LICENCE}
)
"""What the top of a release may hold."""
_CFF_VERSION: Final = "1.2.0"


def build_release(
    subject: Subject, intent: Intent, out: Path, *, overwrite: bool = False
) -> dict[str, Any]:
    """Make the folder of a release; returns its facts.

    Raises:
        ReleaseError: the model does not give its stored predictions, two artefacts contradict each
            other, a text has a number that no artefact has, or the notes hide a bad audit.
        OptionError: ``out`` is taken, or the stated version, date, name or licence cannot be.
    """
    intent = intent.checked()
    with new_result(out, NAMES, "a release", overwrite=overwrite) as folder:
        for name, file in subject.files.items():
            make_folder((folder / name).parent)
            shutil.copyfile(file, folder / name)
        _strip_local_paths(folder / REPORT / "adaptation.json")
        predictor = write_check(folder, subject)
        facts = gather(folder, _stated(subject, intent, folder, predictor))
        texts = render(facts)
        require_honest_notes(facts, texts["RELEASE_NOTES.md"])
        for name, text in texts.items():
            make_folder((folder / name).parent)
            write_text(folder / name, text)
        write_text(folder / LICENCE, _licence_text(intent))
        write_json(folder / RELEASE, facts, seal=True)
        write_text(folder / SUMS, sums_text(folder))
    return facts


def _strip_local_paths(path: Path) -> None:
    """Take the paths of the maker's machine out of the report of an assay."""
    if path.is_file():
        report = read_json(path)
        write_json(
            path, {key: value for key, value in report.items() if key not in ("model", "report")}
        )


def sums_text(folder: Path) -> str:
    """``SHA256SUMS`` of a folder, as ``sha256sum --check`` reads it.

    Files of git, of the hub's client and of locks are no part of a release.
    """
    names = sorted(
        name.as_posix()
        for name in (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        if name.name != SUMS and not any(part.startswith(".") for part in name.parts)
    )
    return "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names)


def require_honest_notes(facts: Mapping[str, Any], notes: str) -> None:
    """Raise ReleaseError where a bad audit or an unstable run is not in the notes."""
    run = facts["run"]
    if not run:
        return
    audit = run["audit"]
    if audit and audit["is_leaky"] and audit["verdict"] not in notes:
        raise ReleaseError(
            f"the audit says that the split {audit['verdict']}, and RELEASE_NOTES.md does not say "
            "so"
        )
    missing = [reason for reason in run["status"]["reasons"] if reason not in notes]
    if missing:
        raise ReleaseError(f"the run is unstable ({missing[0]}), and RELEASE_NOTES.md is silent")


def _stated(subject: Subject, intent: Intent, folder: Path, predictor: Predictor) -> dict[str, Any]:
    name = intent.name or subject.name
    date = intent.date or _today()
    return {
        "name": name,
        "version": intent.version,
        "tag": f"v{intent.version}",
        "date": date,
        "year": int(date[:4]),
        "prerelease": "-" in intent.version or intent.version.startswith("0."),
        "kind": subject.kind,
        "licence": intent.licence,
        "hub_licence": intent.licence.lower(),
        "cff_version": _CFF_VERSION,
        "cite_key": re.sub(r"[^A-Za-z0-9]+", "_", name),
        "authors": list(intent.author),
        "homepage": intent.homepage,
        "news": list(intent.new),
        "migration": list(intent.migration),
        "pull": intent.pull_from or f"{name}@{intent.version}",
        "origins": [asdict(origin) for origin in subject.origins],
        "dataset": ", ".join(dict.fromkeys(origin.source for origin in subject.origins)),
        "notes": list(subject.notes),
        "encoders": [dict(encoder) for encoder in subject.encoders],
        "uses": _USES[subject.kind],
        "quick_start": _quick_start(f"{name}@{intent.version}", folder, predictor),
        "made_by": subject.made_by,
        "comparison": compare_with_earlier(folder, subject, intent.earlier, intent.compare_on,
                                           f"{name} {intent.version}"),
    }  # fmt: skip


_SEQUENCES: Final = {
    "meant": [
        "ordering candidates before a measurement, with the verdict beside each number",
        "comparing methods on rows that were held out",
    ],
    "not_meant": [
        "telling binders from non-binders",
        "decisions on patients or products",
        "pairs whose verdict says that neither side is known, unless a mean is good enough",
    ],
}
_USES: Final[dict[str, dict[str, list[str]]]] = {
    "shipped": _SEQUENCES,
    "model": _SEQUENCES,
    "run": {
        "meant": ["comparing recipes and encoders on the same split", "going on with training"],
        "not_meant": ["numbers without the notes beside them", *_SEQUENCES["not_meant"]],
    },
    "assay": {
        "meant": ["choosing the next variants of the same antibody in the same assay"],
        "not_meant": ["other antibodies", "other antigens", "other assays"],
    },
}


def _quick_start(revision: str, folder: Path, predictor: Predictor) -> dict[str, str]:
    """Example code that uses the model, what it prints, and the command for a table."""
    import polars as pl

    pair = pl.read_csv(folder / CHECK / "pairs.csv", infer_schema=False).row(0, named=True)
    chains = {key: pair[key] for key in ("heavy", "light", "antigen") if pair[key]}
    lines = ["import abag", "", f'model = abag.load("{revision}")', "answer = model.predict_pair("]
    for key, value in chains.items():
        shown = value.split("/") if key == "antigen" and "/" in value else value
        lines.append(f"    {key}={shown!r},")
    field = "pkd" if predictor.model.target == "pkd" else "rank_score"
    lines += [")", f'print(f"{field} {{answer.{field}:.2f}}")']
    code = "\n".join(lines).replace("'", '"')
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code.replace(revision, (folder / MODEL).as_posix()), {})
    command = f"abag predict --model {revision} --table pairs.csv --out predictions.csv"
    return {"code": code, "printed": printed.getvalue().strip(), "command": command}


def _licence_text(intent: Intent) -> str:
    if intent.licence == "MIT":
        from importlib.resources import files

        text = (files("abag") / "resources" / "release" / "MIT.txt").read_text(encoding="utf-8")
        holder = ", ".join(intent.author)
        return text.replace("YEAR", (intent.date or _today())[:4]).replace("HOLDER", holder)
    return (
        f"SPDX-License-Identifier: {intent.licence}\n\nhttps://spdx.org/licenses/{intent.licence}\n"
    )


def _today() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return now.date().isoformat()
