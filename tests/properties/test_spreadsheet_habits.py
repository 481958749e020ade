"""What people write is read to what they meant, or refused, or flagged; nothing else."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from spreadsheet_habits import habits, outcome


def account(seed: int, count: int) -> tuple[Counter[str], dict[str, Counter[str]], list[object]]:
    verdicts: Counter[str] = Counter()
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: list[object] = []
    for habit in habits(seed, count):
        found = outcome(habit)
        verdicts[found.verdict] += 1
        by_kind[habit.kind][found.verdict] += 1
        if found.verdict == "wrong":
            wrong.append((habit, found.got))
    return verdicts, by_kind, wrong


def test_a_few_thousand_habits_are_read_right_or_refused() -> None:
    verdicts, by_kind, wrong = account(seed=7, count=4_000)
    assert wrong == []
    # Refusing everything would be easy: most of what can be read is read.
    for kind in ("value", "header", "log header", "chain", "structure", "paper", "rate",
                 "tested", "mutation"):  # fmt: skip
        assert by_kind[kind]["right"] > by_kind[kind]["refused"], kind
    assert verdicts["right"] > 2_000


@pytest.mark.slow
def test_two_hundred_thousand_habits_are_read_right_or_refused() -> None:
    verdicts, _, wrong = account(seed=2027, count=200_000)
    assert wrong == []
    assert verdicts.total() == 200_000
