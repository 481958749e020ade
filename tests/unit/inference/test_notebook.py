"""Results show themselves in a notebook, and a script in a name stays text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import abag
from abag.maturation.adapt.adaptation import Adaptation
from abag.maturation.adapt.antigens import adapt_file
from abag.maturation.antibody.parent import read_parent
from abag.maturation.assay.file import AssayFile
from abag.maturation.propose.proposals import propose
from abag.maturation.propose.request import Request
from abag.maturation.scan.scanning import scan
from abag.pages import Table, notebook
from served_page import ANTIGEN, HEAVY, LIGHT, measured

SCRIPT = "<script>alert(1)</script>"
SHOWN = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    folder: Path = tmp_path_factory.mktemp("notebook")
    (folder / "assay.csv").write_text(measured())
    told = AssayFile(["antigen_unknown:=true"])
    return adapt_file(folder / "assay.csv", folder / "model", assay_file=told)[0]


def test_every_text_of_a_fragment_is_escaped():
    table = Table(SCRIPT, (SCRIPT,), ((SCRIPT,),))
    shown = notebook(SCRIPT, [SCRIPT], table)
    assert "<script" not in shown
    assert shown.count(SHOWN) == 5


def test_a_prediction_shows_what_it_says_in_words():
    predictor = abag.load()
    found = predictor.predict_pair(HEAVY, LIGHT, [ANTIGEN])
    assert f"pKd {found.pkd:.2f}" in found._repr_html_()
    assert SHOWN in replace(found, known_antigens=SCRIPT, binding="x")._repr_html_()
    assert predictor.model_id in predictor._repr_html_()
    assert "90%" in predictor._repr_html_()


def test_a_model_of_an_assay_shows_its_verdict(adapted: Adaptation):
    assert adapted.verdict.headline in adapted._repr_html_()
    assert SHOWN in replace(adapted, notes=(SCRIPT,))._repr_html_()


def test_a_plate_shows_its_variants_in_the_order_of_choice(adapted: Adaptation):
    plate = propose(adapted.model, None, Request(4))
    shown = plate._repr_html_()
    places = [shown.index(one.mutations) for one in plate.chosen]
    assert places == sorted(places)
    assert SHOWN in replace(plate, notes=(SCRIPT,))._repr_html_()


def test_a_scan_shows_its_best_mutants(adapted: Adaptation, tmp_path: Path):
    parent = read_parent(HEAVY, LIGHT)
    found = scan(parent, tmp_path / "scan", model=adapted.folder, cdrs=["H3"])
    best = found.table["mutation"][0]
    assert f"<td>{best}</td>" in found._repr_html_()
