import numpy as np
import pytest

from abag.maturation.adapt.skill import ModelSkill, Skill
from abag.maturation.adapt.verdict import Grade, judge


def skill(
    name: str,
    value: float | None,
    interval: tuple[float, float] | None,
    ridge: float = 0.1,
    covered: float = 0.9,
    ridge_interval: tuple[float, float] = (0.0, 0.2),
) -> Skill:
    models = (
        ModelSkill("assay-gp", value, interval, 1.0, covered),
        ModelSkill("one-hot-ridge", ridge, ridge_interval, 1.0, None),
        ModelSkill("mean", None, None, 1.0, None),
    )
    return Skill(name, "?", 40, models, np.zeros(0), {})


@pytest.mark.parametrize(
    ("value", "interval", "grade"),
    [
        (0.2, (-0.05, 0.4), Grade.CHANCE),
        (None, None, Grade.CHANCE),
        (0.3, (0.05, 0.5), Grade.WEAK),
        (0.6, (0.45, 0.7), Grade.GOOD),
    ],
)
def test_the_lower_end_of_the_interval_decides(
    value: float | None, interval: tuple[float, float] | None, grade: Grade
) -> None:
    assert judge([skill("random", value, interval)], 40).grade is grade


def test_a_better_ridge_is_named() -> None:
    found = judge([skill("random", 0.5, (0.4, 0.6), ridge=0.7, ridge_interval=(0.6, 0.8))], 40)
    assert "one-hot ridge ranks better here (0.70)" in found.reasons[0]


@pytest.mark.parametrize(("ridge", "ends"), [(-0.29, (-0.7, 0.3)), (0.2, (-0.1, 0.5))])
def test_a_ridge_that_ranks_no_better_than_chance_is_not_advised(
    ridge: float, ends: tuple[float, float]
) -> None:
    found = judge([skill("random", -0.83, (-0.99, -0.4), ridge=ridge, ridge_interval=ends)], 12)
    assert not any("fit that one" in reason for reason in found.reasons)


def test_failure_on_new_positions_is_named() -> None:
    skills = [skill("random", 0.6, (0.5, 0.7)), skill("positions", 0.0, (-0.2, 0.2))]
    assert any("positions that no measured variant changes" in r for r in judge(skills, 40).reasons)


def test_intervals_that_are_too_narrow_are_named() -> None:
    found = judge([skill("random", 0.6, (0.5, 0.7), covered=0.6)], 40)
    assert any("hold 60% of held-out values: too narrow" in reason for reason in found.reasons)


def test_intervals_that_fail_on_more_changes_are_named() -> None:
    skills = [
        skill("random", 0.6, (0.5, 0.7)),
        skill("mutation count", 0.5, (0.3, 0.6), covered=0.52),
    ]
    assert judge(skills, 40).reasons[-1] == (
        "With more changes its 90 % intervals hold only 52%: too narrow."
    )


@pytest.mark.parametrize(("rows", "told"), [(13, False), (60, True)])
def test_a_dozen_values_inside_do_not_make_intervals_too_wide(rows: int, told: bool) -> None:
    given = skill("random", 0.6, (0.5, 0.7), covered=1.0)
    found = judge([Skill("random", "?", rows, given.models, np.zeros(0), {})], rows)
    assert any("too wide" in reason for reason in found.reasons) is told
