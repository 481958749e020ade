import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from abag.evaluation.evaluation import evaluate
from abag.evaluation.held_out import Candidate
from abag.evaluation.reporting import figures, risk_figure
from abag.evaluation.reporting.outputs import write_evaluation
from abag.evaluation.reporting.report import EvaluationSection, render_report
from abag.evaluation.reporting.tables import controls_table
from abag.evaluation.reporting.wording import Trust, compare, number, summarise


@pytest.fixture(scope="module")
def png():
    return b"\x89PNG\r\n\x1a\nnot really"


@pytest.fixture
def make_anew(fakes):
    def evaluated(name="random", by_antigen=False, **table):
        candidates = [
            Candidate("antigen reader", fakes.reads_antigen),
            Candidate("counts-e", fakes.counts_e, baseline=True),
            Candidate("mean", fakes.mean, baseline=True),
        ]
        rows = fakes.table(**{"rows": 160, **table})
        split = fakes.split(by_antigen=by_antigen)
        return evaluate(candidates, rows, split, name=name, resamples=100)

    return evaluated


MADE = {}
"""Evaluations by what was asked for: each is made once, and no test changes it."""


@pytest.fixture
def make(make_anew):
    def evaluated(audit=None, **asked):
        key = tuple(sorted(asked.items()))
        if key not in MADE:
            MADE[key] = make_anew(**asked)
        return replace(MADE[key], audit=audit)

    return evaluated


@pytest.fixture
def sketched(monkeypatch):
    """A picture is a frame with its words, for tests of what stands around the pictures."""
    for room in (figures, risk_figure):
        monkeypatch.setattr(room, "svg", lambda drawn, words: f"<svg><title>{words}</title></svg>")


class Reader(HTMLParser):
    """Collects attributes that would load something, and checks that tags are closed."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self):
        super().__init__()
        self.loads, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_file_that_loads_nothing(make, png):
    page = render_report([EvaluationSection(make(censored=10), audit_picture=png)], "A report")
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in reader.loads)
    assert "<script" not in page
    assert not re.search(r"url\((?!#)", page)
    assert page.count("<svg") >= 5


def test_the_same_evaluation_gives_the_same_bytes(make_anew):
    pages = {render_report([EvaluationSection(make_anew())], "A report") for _ in range(2)}
    assert len(pages) == 1


def test_words_come_before_pictures_and_pictures_before_tables(make, sketched):
    page = render_report([EvaluationSection(make())], "A report")
    places = [page.index(text) for text in ('class="headline"', "<svg", "<table")]
    assert places == sorted(places)


def test_names_are_escaped(make):
    evaluation = make(name="<b>bold</b>")
    page = render_report([EvaluationSection(evaluation, note="<i>")], "<script>alert(1)</script>")
    assert "<script>" not in page
    assert "<b>bold" not in page


def test_several_splits_are_compared_in_words(make, sketched):
    sections = [
        EvaluationSection(make(name="random")),
        EvaluationSection(make(name="antigen-disjoint", by_antigen=True)),
    ]
    page = render_report(sections, "Two splits")
    assert "What the splits say together" in page
    words = compare([s.evaluation for s in sections], "antigen reader")
    # With antigens disjoint the reader of antigens has nothing left to say.
    assert words == []
    words = compare([s.evaluation for s in sections], "counts-e")
    assert "pooled Pearson of" in words[0]
    assert "differ by no more than" in words[1]


def test_a_fall_between_splits_is_called_memory(make):
    one, other = make(name="random"), make(name="new antigens")
    model = other.model("antigen reader")
    pearson = model.pooled["pearson"]
    low = replace(pearson, score=replace(pearson.score, value=0.05))
    fallen = replace(model, pooled={**model.pooled, "pearson": low})
    other = replace(other, models=(fallen, *other.models[1:]))
    words = " ".join(compare([one, other], "antigen reader"))
    assert "is memory, not understanding" in words
    assert "expect “new antigens”" in words


@pytest.mark.parametrize(
    ("audit", "trust"),
    [
        (None, Trust.CARE),
        ({"verdict": "clean", "believe": "figures hold for new antigens", "leaks": []}, None),
        ({"verdict": "leaks antibodies", "leaks": [{"kind": "antibodies"}]}, Trust.CARE),
        (
            {"verdict": "leaks pairs", "believe": "figures hold for neither new antibodies"},
            Trust.NOT,
        ),
        ({"verdict": "leaks antigens", "broken_promises": ["antigens"]}, Trust.NOT),
    ],
)
def test_belief_follows_the_audit(make, audit, trust):
    found = summarise(with_pooled_spearman(make(audit=audit), 0.3, 0.1, 0.5))
    if trust is None:
        assert not any("leak" in reason or "split" in reason for reason in found.reasons)
    else:
        assert found.trust is trust


def test_the_page_says_what_each_model_needed_the_antigen_for(make, sketched):
    evaluation = make()
    table = controls_table(evaluation)
    found = {row[0].text: [cell.text.replace("−", "-") for cell in row[1:3]] for row in table.rows}
    assert float(found["antigen reader"][1]) < 0.5 * float(found["antigen reader"][0])
    assert "what is lost at equal distance from the germline" in render_report(
        [EvaluationSection(evaluation)], "A report"
    )


def test_a_collapsed_model_is_not_believed(fakes):
    class TwoValues(fakes.mean):
        def predict(self, table):
            return [9.0625 if len(heavy) % 2 or heavy < "F" else 10.25 for heavy in table["heavy"]]

    found = evaluate(
        [Candidate("two-values", TwoValues)], fakes.table(rows=120), fakes.split(), resamples=100
    )
    summary = summarise(found)
    assert summary.trust is Trust.NOT
    assert summary.reasons[0].startswith(
        "Collapse: the model predicts 2 distinct values for 120 rows"
    )


CLEAN = {"verdict": "clean", "believe": "figures hold for new antigens", "leaks": []}


def with_pooled_spearman(evaluation, value, low, high):
    """The evaluation with one antigen too few to lead, and this pooled correlation."""
    model = evaluation.subject
    pooled = model.pooled["spearman"]
    interval = replace(pooled.interval, low=low, high=high, reason=None)
    new = replace(pooled, score=replace(pooled.score, value=value), interval=interval)
    level = model.levels[evaluation.leading]
    few = replace(level.summary["spearman"], groups=1)
    levels = {
        **model.levels,
        evaluation.leading: replace(level, summary={**level.summary, "spearman": few}),
    }
    changed = replace(model, pooled={**model.pooled, "spearman": new}, levels=levels)
    others = tuple(one for one in evaluation.models if one.name != model.name)
    return replace(evaluation, models=(changed, *others))


@pytest.mark.parametrize("ends", [(-0.2, 0.5), (0.0, 0.4), (-0.5, 0.0), (-0.5, -0.1), (None, None)])
def test_no_report_is_green_above_a_correlation_whose_interval_is_not_above_0(make, sketched, ends):
    found = with_pooled_spearman(make(audit=CLEAN), 0.3, *ends)
    assert summarise(found).trust is Trust.NOT
    page = render_report([EvaluationSection(found)], "A report")
    assert 'class="card sound"' not in page
    assert "No skill is shown: Spearman pooled is 0.30" in page
    shown = with_pooled_spearman(make(audit=CLEAN), 0.3, 0.1, 0.5)
    assert not any("No skill" in reason for reason in summarise(shown).reasons)


def test_a_run_that_was_unstable_is_called_so_first(make, sketched):
    section = EvaluationSection(make(audit=CLEAN), faults=("the recall swings",))
    page = render_report([section], "A run")
    assert summarise(section.evaluation, section.faults).reasons[0] == (
        "Unstable: the recall swings."
    )
    assert 'class="card not"' in page
    assert page.index("Unstable: the recall swings.") < page.index("<svg")


def test_a_large_antigen_group_is_named_and_left_out_once(fakes):
    table = fakes.table(rows=120)
    keys = ["spike" if place % 2 else f"other {place % 20}" for place in range(120)]
    found = evaluate(
        [Candidate("counts-e", fakes.counts_e)], table, fakes.split(), antigen_keys=keys,
        resamples=100,
    )  # fmt: skip
    text = " ".join(summarise(found).answers)
    assert "holds 50 % of the rows. Without it, pooled:" in text


def test_the_three_files_are_written_and_agree(make, make_anew, tmp_path):
    evaluation = make(censored=12)
    files = write_evaluation([EvaluationSection(evaluation)], tmp_path / "out", "A report")
    content = json.loads(files.metrics.read_text())["evaluations"][0]
    predictions = pl.read_csv(files.predictions, infer_schema_length=None)
    assert content["rows"]["censored"] == 12
    model = content["models"]["antigen reader"]
    errors = predictions.filter(pl.col("model") == "antigen reader")["error"].drop_nulls()
    assert model["pooled"]["mae"]["score"]["value"] == pytest.approx(errors.abs().mean())
    assert content["models"]["mean"]["pooled"]["pearson"]["score"]["reason"]
    assert number(model["pooled"]["mae"]["score"]["value"]) in files.report.read_text()
    again = write_evaluation(
        [EvaluationSection(make_anew(censored=12))], tmp_path / "two", "A report"
    )
    for first, second in zip(
        (files.metrics, files.predictions, files.report),
        (again.metrics, again.predictions, again.report),
        strict=True,
    ):
        assert first.read_bytes() == second.read_bytes()


def test_many_rows_are_drawn_as_density(make):
    page = render_report([EvaluationSection(make(rows=1700))], "A report")
    assert "Darker: more rows." in page
    assert len(page) < 1_500_000


def test_a_minus_is_a_minus_and_zero_has_no_sign():
    assert [number(value) for value in (-0.5, -0.001, 1.0, None)] == [
        "−0.50", "0.00", "1.00", "undefined",
    ]  # fmt: skip
