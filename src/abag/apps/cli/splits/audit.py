"""``abag audit``: measure what leaks across a split."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.data.build import load_table
from abag.data.leaks.leakage import Audit
from abag.data.leaks.leakage import audit as run_audit
from abag.data.splits import Split
from abag.files import new_result, require_own, write_json

LEAKY = 1
AUDIT_FILES = ("audit.json", "audit.png")


def audit(
    table: Path,
    *,
    split: Path,
    out: Path | None = None,
    seed: int = 0,
    fail_on_leak: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Measure what leaks across a split, and say whether to believe its figures.

    Args:
        table: the canonical table (Parquet) that the split was made for.
        split: the split, from `abag split`.
        out: folder for audit.json and audit.png.
        seed: for the sample of a large table and the shuffled labels.
        fail_on_leak: end with exit status 1 when the split shares what its strategy promised to
            part, or when neither antibodies nor antigens of the test rows are new.
        overwrite: replace an audit that is in the folder.
        json: print one JSON object.
    """
    if out is not None:
        require_own(out, AUDIT_FILES, "an audit", overwrite=overwrite)
    rows = load_table(table)
    audited = run_audit(rows, Split.load_for(split, rows), seed=seed)
    written: list[str] = []
    if out is not None:
        from abag.evaluation.reporting.audit_figure import save_audit_figure
        from abag.pictures import written as there_are

        with new_result(out, AUDIT_FILES, "an audit", overwrite=overwrite) as scratch:
            write_json(scratch / AUDIT_FILES[0], audited.as_json())
            save_audit_figure(audited, scratch / AUDIT_FILES[1])
        written = [str(out / name) for name in there_are(AUDIT_FILES)]
    emit(
        {**audited.as_json(), "files": written},
        _text(audited, written),
        json,
    )
    if fail_on_leak and audited.is_leaky:
        sys.exit(LEAKY)


def _text(audited: Audit, written: list[str]) -> str:
    content = audited.as_json()
    copying = audited.copying
    lines = [f"verdict: {audited.verdict}", f"believe: {audited.believe}", ""]
    lines.append("share of test rows for which training holds")
    lines += [f"  {kind.replace('_', '-'):<18} {share:7.1%}" for kind, share in
              content["shares"].items()]  # fmt: skip
    if copying.spearman is not None:
        lines.append(
            f"copying the nearest label: Spearman {copying.spearman:.3f} "
            f"({copying.permuted_mean or 0.0:.3f} with shuffled labels, {copying.rows} rows)"
        )
    lines += [f"note: {note}" for note in audited.notes]
    lines += [f"wrote {path}" for path in written]
    return "\n".join(lines)
