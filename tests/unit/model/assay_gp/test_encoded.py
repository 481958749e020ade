"""The optional terms that an encoder gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from abag.antibody.alphabet import AMINO_ACIDS, GAP
from abag.encoders.protocol import Molecule, Role
from abag.errors import OptionError
from abag.model.assay_gp.kernels import encoded
from abag.model.assay_gp.kernels.encoded import ENCODED, Encoded
from abag.model.assay_gp.model import AssayGP, AssayGPSettings
from abag.model.assay_gp.positions import Positions
from synthetic_pairs import HEAVY, LIGHT, assay_table

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model() -> AssayGP:
    return AssayGP(embedding="builtin").fit(assay_table(30), {"table_sha256": "0"})


def test_without_being_asked_no_encoder_takes_part() -> None:
    assert all(not set(ENCODED) & set(kernel.terms) for kernel in AssayGPSettings().kernels)
    asked = AssayGPSettings(embedding="builtin").kernels
    assert [set(ENCODED) <= set(kernel.terms) for kernel in asked] == [True, False, False]


def test_an_unknown_encoder_is_refused_by_its_name() -> None:
    with pytest.raises(OptionError, match="esm9"):
        AssayGP(embedding="esm9")


def test_the_log_odds_are_those_of_the_encoder_and_zero_for_the_parent() -> None:
    import torch

    from abag.encoders.adapters.builtin import BuiltinEncoder

    positions = Positions.of([HEAVY], [LIGHT])
    found = Encoded.of(positions, "builtin").likelihood
    encoder = BuiltinEncoder()
    (whole,) = encoder.encode([Molecule(Role.ANTIBODY, (HEAVY, LIGHT))])
    with torch.inference_mode():
        logits = encoder.network.logits(torch.from_numpy(whole.rows)).numpy()
    place, new = len(HEAVY) + 4, AMINO_ACIDS.index("W")
    own = AMINO_ACIDS.index(LIGHT[4])
    assert found[place, new, 0] == pytest.approx(logits[place, new] - logits[place, own], abs=2e-3)
    chance = np.exp(logits[place].astype(float))
    chance /= chance.sum()
    assert found[place, new, 1] == pytest.approx(-(chance * np.log(chance)).sum(), abs=1e-2)
    assert not found[np.arange(positions.count), positions.reference].any()


class HidingEncoder:
    """Of the hidden residue at place i, ln p of residue r is -((i + r) % 20)."""

    def __init__(self) -> None:
        self.hidden: list[int] = []

    def encode(self, molecules: list[Molecule]) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(rows=np.eye(one.residues, 8, dtype=np.float32)) for one in molecules
        ]

    def log_probabilities(
        self, molecules: list[Molecule], hidden: list[np.ndarray]
    ) -> list[np.ndarray]:
        (places,) = hidden
        self.hidden += places.tolist()
        return [-((places[:, None] + np.arange(20)) % 20).astype(float)]


def test_a_published_encoder_foretells_each_residue_while_it_is_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = HidingEncoder()
    monkeypatch.setattr("abag.encoders.adapters.opening.open_encoder", lambda name, **_: encoder)
    encoded._encode_parent.cache_clear()
    found = Encoded.of(Positions.of([HEAVY], [LIGHT]), "antiberty").likelihood
    encoded._encode_parent.cache_clear()
    assert sorted(encoder.hidden) == list(range(len(HEAVY + LIGHT)))
    place, new = len(HEAVY) + 4, AMINO_ACIDS.index("W")
    own = AMINO_ACIDS.index(LIGHT[4])
    assert found[place, new, 0] == (place + own) % 20 - (place + new) % 20


def test_positions_of_a_gap_have_neither_context_nor_likelihood() -> None:
    longer = HEAVY[:30] + "A" + HEAVY[30:]
    positions = Positions.of([HEAVY, HEAVY, longer], [LIGHT] * 3, "imgt")
    (gap,) = np.flatnonzero(positions.reference == GAP)[:1]
    found = Encoded.of(positions, "builtin")
    assert not found.context[gap].any()
    assert not found.likelihood[gap].any()
    assert (found.context**2).sum() > 0


def test_the_same_rows_give_the_same_bytes(model: AssayGP) -> None:
    encoded._encode_parent.cache_clear()
    again = AssayGP(embedding="builtin").fit(assay_table(30), {"table_sha256": "0"})
    assert again.model_id == model.model_id
    assert AssayGP().fit(assay_table(30), {"table_sha256": "0"}).model_id != model.model_id
    assert model.training.origin["encoder"].startswith("builtin ")


def test_without_torch_a_saved_model_predicts_and_a_fit_says_what_to_install(
    model: AssayGP, tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    new = assay_table(12, seed=3)
    new.write_parquet(tmp_path / "new.parquet")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import polars as pl; from pathlib import Path\n"
        "from abag.errors import UnavailableError\n"
        "from abag.model.assay_gp.model import AssayGP\n"
        "from abag.model.protocol import load_model\n"
        f"table = pl.read_parquet({str(tmp_path / 'new.parquet')!r})\n"
        f"print(load_model(Path({str(tmp_path / 'model')!r})).predict(table).tolist())\n"
        "try: AssayGP(embedding='builtin').fit(table)\n"
        "except UnavailableError as error: print(error)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert found[0] == str(model.predict(new).tolist())
    assert "abag[network]" in found[1]


def test_changes_at_new_positions_are_predicted(model: AssayGP) -> None:
    new = assay_table(12, seed=3)
    shown = model.distribution(new.with_columns(heavy="W" + new["heavy"].str.slice(1)))
    assert np.isfinite(shown.median).all()
    assert (shown.deviation > model.distribution(new).deviation).all()
