"""``abag split``: divide a table and save the division as one hashed file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from abag.apps.cli import emit
from abag.data.build import load_table
from abag.data.similarity import ANTIGEN_THRESHOLD, CDR_THRESHOLD
from abag.data.splits import Split, Strategy, make_split
from abag.errors import OptionError, counted
from abag.files import require_other


def split(
    table: Path,
    *,
    strategy: str,
    out: Path,
    folds: int | None = None,
    train: float | None = None,
    val: float | None = None,
    test: float | None = None,
    seed: int = 0,
    threshold: float | None = None,
    antibody_threshold: float | None = None,
    antigen_threshold: float | None = None,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Divide a table so that training and test share no antibody, antigen or complex.

    Args:
        table: canonical table (Parquet), from `abag data build` or `abag data import`.
        strategy: random, complex, antibody-cluster, antigen-cluster, both-cold, assay or
            position-block.
        out: file to write the split to (Parquet).
        folds: number of folds; ten unless fractions are given.
        train: share of training rows, with --test and perhaps --val, instead of folds.
        val: share of validation rows.
        test: share of test rows.
        seed: breaks ties; same seed, same file.
        threshold: identity that joins two items of antibody-cluster (0.8) or antigen-cluster (0.5).
        antibody_threshold: CDR identity that joins two antibodies, for both-cold.
        antigen_threshold: sequence identity that joins two antigens, for both-cold.
        json: print one JSON object.
    """
    if out.suffix != ".parquet":
        raise OptionError(f"--out {out}: a split is a Parquet file; name it like split.parquet")
    require_other(out, [table])
    antibody, antigen = _thresholds(strategy, threshold, antibody_threshold, antigen_threshold)
    made_split = make_split(
        load_table(table),
        strategy,
        folds=folds,
        fractions=_fractions(train, val, test),
        seed=seed,
        antibody_threshold=antibody,
        antigen_threshold=antigen,
    )
    made_split.save(out)
    emit({**made_split.summary(), "out": str(out)}, _text(made_split, out), json)


def _fractions(
    train: float | None, val: float | None, test: float | None
) -> tuple[float, float, float] | None:
    shares = [share for share in (train, val, test) if share is not None]
    if not shares:
        return None
    if len(shares) == 3 or (val is None and len(shares) == 2):
        return (train or 0.0, val or 0.0, test or 0.0)
    raise OptionError("give --train and --test (and --val if wanted), shares that sum to 1")


def _thresholds(
    strategy: str, threshold: float | None, antibody: float | None, antigen: float | None
) -> tuple[float, float]:
    if threshold is not None:
        if strategy == Strategy.ANTIBODY_CLUSTER and antibody is None:
            antibody = threshold
        elif strategy == Strategy.ANTIGEN_CLUSTER and antigen is None:
            antigen = threshold
        else:
            raise OptionError(
                f"--threshold cannot be used here (strategy {strategy}): it is for "
                "antibody-cluster and antigen-cluster, in place of --antibody-threshold and "
                "--antigen-threshold"
            )
    return (
        CDR_THRESHOLD if antibody is None else antibody,
        ANTIGEN_THRESHOLD if antigen is None else antigen,
    )


def _text(made_split: Split, out: Path) -> str:
    summary = made_split.summary()
    rows, groups = counted(summary["rows"], "row"), counted(summary["groups"], "group")
    lines = [f"{made_split.strategy}: {rows} in {groups}", f"  {'part':<10} {'rows':>8}"]
    lines += [f"  {part:<10} {count:>8}" for part, count in summary["parts"].items()]
    lines += [f"note: {note}" for note in made_split.notes]
    lines.append(f"wrote {out} (digest {made_split.digest[:12]})")
    return "\n".join(lines)
