"""The one way of holding rows out: learn from the training rows of a fold, answer for the others.

A learner is given the training rows alone; the test rows reach what it has learnt, and no earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from abag.errors import ModelError
from abag.progress import task

Rows = TypeVar("Rows")
Answered = TypeVar("Answered")


class Fold(NamedTuple, Generic[Rows]):
    """Training rows, and the rows that were held out of them."""

    name: str
    train: Rows
    test: Rows
    scheme: str = ""
    """The way of holding rows out, where there are several."""


Learner: TypeAlias = Callable[[Rows], Callable[[Fold[Rows]], Answered]]
"""From training rows to what answers for the test rows of a fold."""


def cross_validate(
    folds: Sequence[Fold[Rows]],
    learners: Mapping[str, Learner[Rows, Answered]],
    label: str,
    *,
    skip_untaught: bool = False,
) -> list[tuple[Fold[Rows], dict[str, Answered]]]:
    """Answers of each learner, trained anew on each fold, for the fold's test rows, in order.

    Args:
        folds: training rows and held-out rows.
        learners: by name.
        label: text of the progress bar.
        skip_untaught: leave out folds from whose training rows one of the learners cannot learn
            (they may be all equal), where else ModelError is raised.
    """
    outcomes = []
    with task(label, len(folds) * len(learners)) as bar:
        for fold in folds:
            answers: dict[str, Answered] = {}
            for name, learn in learners.items():
                bar.describe(" ".join(filter(None, (f"{label}:", name, fold.scheme, fold.name))))
                try:
                    learnt = learn(fold.train)
                except ModelError:
                    if not skip_untaught:
                        raise
                    break
                answers[name] = learnt(fold)
                bar.advance()
            else:
                outcomes.append((fold, answers))
    return outcomes
