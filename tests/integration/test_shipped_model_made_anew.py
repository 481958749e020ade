"""The shipped model is what its documented command gives from the published table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from abag.data.tables import Measurements
from abag.inference.predictor import SHIPPED_MODEL
from abag.uncertainty.served import calibrated
from abag_lab.door.rows import door_rows

pytestmark = [pytest.mark.sources, pytest.mark.slow]


@pytest.fixture(scope="module")
def made(sources_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that benchmarks/shipped_model.py makes."""
    folder = tmp_path_factory.mktemp("made") / "model"
    served = calibrated(
        "pairs", Measurements.of(door_rows(sources_dir).drop("cluster", "sealed")), folds=5, seed=0
    )
    served.save(folder)
    return folder


@pytest.mark.parametrize("name", ["weights.safetensors", "uncertainty.safetensors"])
def test_the_shipped_arrays_are_made_by_the_documented_command(made: Path, name: str) -> None:
    ours, shipped = load_file(made / name), load_file(SHIPPED_MODEL / name)
    assert set(ours) == set(shipped)
    for key, array in shipped.items():
        assert ours[key].dtype == array.dtype, key
        # Sums of linear algebra differ in their last digits from one processor to another.
        np.testing.assert_allclose(ours[key], array, rtol=1e-6, atol=1e-9, err_msg=key)


def test_the_shipped_figures_are_those_of_the_documented_command(made: Path) -> None:
    ours, shipped = (
        json.loads((folder / "served.json").read_text()) for folder in (made, SHIPPED_MODEL)
    )
    shipped["protocol"].pop("pairing", None)  # judged apart, on the open rows
    assert ours["protocol"] == shipped["protocol"]
    assert ours["figures"].keys() == shipped["figures"].keys()
    for verdict, figures in shipped["figures"].items():
        assert ours["figures"][verdict] == pytest.approx(figures, rel=1e-6), verdict
