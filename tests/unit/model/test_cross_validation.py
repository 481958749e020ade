import pytest

from abag.errors import ModelError
from abag.model.cross_validation import Fold, cross_validate

FOLDS = [Fold("first", [1, 2], [3, 4]), Fold("second", [3, 4], [1, 2], scheme="turned")]


def test_what_is_learnt_comes_from_training_rows_and_is_asked_about_test_rows():
    seen = []

    def learn(train):
        seen.append(train)
        return lambda fold: [sum(train)] * len(fold.test)

    said = cross_validate(FOLDS, {"sum": learn}, "sums")
    assert seen == [[1, 2], [3, 4]]  # a learner is given no test row
    assert [(fold.name, parts) for fold, parts in said] == [
        ("first", {"sum": [3, 3]}),
        ("second", {"sum": [7, 7]}),
    ]


def test_every_fold_is_learnt_anew():
    made = []

    def learn(train):
        made.append(object())
        return lambda _: made[-1]

    (_, one), (_, other) = cross_validate(FOLDS, {"": learn}, "anew")
    assert one[""] is not other[""]


def teach_nothing_of_threes(train):
    if 3 in train:
        raise ModelError("all rows are equal")
    return lambda fold: fold.test


def test_a_fold_that_teaches_one_learner_nothing_counts_for_none():
    learners = {"all": lambda _: lambda fold: fold.test, "few": teach_nothing_of_threes}
    said = cross_validate(FOLDS, learners, "few", skip_untaught=True)
    assert [fold.name for fold, _ in said] == ["first"]
    with pytest.raises(ModelError, match="equal"):
        cross_validate(FOLDS, learners, "few")


def test_a_model_that_answers_wrongly_is_no_fold_that_teaches_nothing():
    def learn(_):
        def answer(_):
            raise ModelError("values that are not finite")

        return answer

    with pytest.raises(ModelError, match="finite"):
        cross_validate(FOLDS, {"": learn}, "wrong", skip_untaught=True)
