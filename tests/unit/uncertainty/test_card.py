from abag.model.training_set import TrainingSummary
from abag.uncertainty.card import card
from abag.uncertainty.coverage import GroupFigures
from abag.uncertainty.domain import Verdict

TRAINING = TrainingSummary(1306, 1306, 0, 0, 1306, 916, 851, 8.71, 1.23, "ab" * 32)
FIGURES = GroupFigures(120, 100, 12, 0.84, 0.1, 1.31, 0.83, 0.9, 0.9, 0.87, 15, 5, None)
PROTOCOL = {"folds": 10, "seed": 0, "sources": [["saaint_db", "MIT", 1306]]}


def test_a_card_states_rows_errors_and_what_is_not_promised() -> None:
    text = card("m-1", TRAINING, PROTOCOL, {Verdict.NEITHER: FIGURES})
    assert text.startswith("# m-1\n")
    assert "saaint_db (1,306 rows, MIT)" in text
    assert "| neither known | 120 | 12 | 0.84 | 1.31 | +0.10 | 83% | 90.0% | 87.0% | - |" in text
    assert "neither known 15 and 5" in text
    assert "not for every single one" in text.replace("\n", " ")


def test_a_card_without_censored_rows_does_not_speak_of_them() -> None:
    exact = GroupFigures(100, 100, 12, 0.84, 0.1, 1.31, 0.83, 0.9, 0.9, 0.87, 0, 0, 2.7)
    assert "Censored" not in card("m-1", TRAINING, PROTOCOL, {Verdict.VARIANT: exact})
