import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abag.errors import MissingFileError, ModelError
from abag.model.artefact import MANIFEST, WEIGHTS, Artefact, read
from abag.model.baselines.antigen_mean import AntigenMean
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.protocol import load_model
from synthetic_pairs import complexes_table


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    KmerRidge().fit(complexes_table(20)).save(tmp_path / "model")
    return tmp_path / "model"


def test_the_same_rows_give_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    KmerRidge().fit(complexes_table(20)).save(tmp_path / "again")
    for name in (MANIFEST, WEIGHTS):
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_a_saved_model_holds_no_sequence_text(saved: Path) -> None:
    heavy = complexes_table(20)["heavy"][0]
    content = (saved / WEIGHTS).read_bytes() + (saved / MANIFEST).read_bytes()
    assert heavy[:20].encode() not in content


def test_one_changed_byte_of_the_weights_is_refused(saved: Path) -> None:
    content = bytearray((saved / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (saved / WEIGHTS).write_bytes(bytes(content))
    with pytest.raises(ModelError, match="checksum differs"):
        load_model(saved)


def test_a_changed_setting_is_refused(saved: Path) -> None:
    manifest = json.loads((saved / MANIFEST).read_text())
    manifest["settings"]["ridge"] = 5.0
    (saved / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="was changed after it was saved"):
        load_model(saved)


def test_weights_of_another_model_are_refused(saved: Path, tmp_path: Path) -> None:
    AntigenMean().fit(complexes_table(20)).save(tmp_path / "other")
    (saved / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    with pytest.raises(ModelError, match="not the file that was saved with this model"):
        load_model(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', "\x80\x04pickle"])
def test_a_foreign_description_is_refused(saved: Path, text: str) -> None:
    (saved / MANIFEST).write_text(text)
    with pytest.raises(ModelError):
        load_model(saved)


def test_a_newer_format_names_the_version_that_made_it(saved: Path) -> None:
    manifest = json.loads((saved / MANIFEST).read_text())
    manifest["format_version"] = 99
    (saved / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="format version 99"):
        load_model(saved)


def test_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    (saved / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=r"has no weights\.safetensors"):
        load_model(saved)
    with pytest.raises(ModelError, match="is not a saved model"):
        load_model(tmp_path)
    with pytest.raises(MissingFileError):
        load_model(tmp_path / "nowhere")


def test_a_model_of_another_kind_is_named(saved: Path) -> None:
    with pytest.raises(ModelError, match="holds a model 'kmer-ridge', not 'antigen-mean'"):
        AntigenMean.load(saved)


def test_saving_needs_a_new_folder_or_leave_to_overwrite_a_model(
    saved: Path, tmp_path: Path
) -> None:
    model = AntigenMean().fit(complexes_table(20))
    with pytest.raises(ModelError, match="--overwrite"):
        model.save(saved)
    model.save(saved, overwrite=True)
    assert load_model(saved).name == "antigen-mean"
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(ModelError, match="holds other files"):
        model.save(tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "words"


def test_nothing_but_the_model_is_left_behind(saved: Path) -> None:
    assert sorted(path.name for path in saved.parent.iterdir()) == ["model"]
    assert sorted(path.name for path in saved.iterdir()) == [MANIFEST, WEIGHTS]


def test_the_id_follows_what_was_learnt() -> None:
    table = complexes_table(20)
    one = KmerRidge().fit(table)
    assert one.model_id == KmerRidge().fit(table).model_id
    assert one.model_id != KmerRidge(ridge=0.2).fit(table).model_id
    assert one.model_id != KmerRidge().fit(table[1:]).model_id
    assert np.isfinite(one.predict(table)).all()


def replaced(saved: Path, **changes: object) -> None:
    """The model written anew with other parts, every checksum made for them."""
    found = read(saved)
    made = Artefact(found.name, found.settings, found.training, found.arrays)
    replace(made, **changes).write(saved, overwrite=True)


def test_weights_that_are_no_numbers_are_refused_though_their_checksum_is_right(
    saved: Path,
) -> None:
    arrays = {**read(saved).arrays}
    name = next(name for name, array in sorted(arrays.items()) if array.dtype.kind == "f")
    arrays[name] = np.full_like(arrays[name], np.nan)
    replaced(saved, arrays=arrays)
    with pytest.raises(ModelError, match=name):
        load_model(saved)


def test_settings_that_are_missing_are_refused(saved: Path) -> None:
    replaced(saved, settings={})
    with pytest.raises(ModelError, match="settings"):
        load_model(saved)


def test_a_model_of_a_newer_abag_is_refused(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abag.model.artefact.VERSION", "99.0.0")
    replaced(saved)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"99\.0\.0"):
        load_model(saved)
