"""A release says what its artefacts carry, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

import abag
from abag.errors import MissingFileError, ModelError, OptionError, ReleaseError
from abag.files import read_json, write_csv, write_parquet
from abag.model.baselines.kmer_ridge import KmerRidge
from abag.model.fitting import TrainingRows
from abag.release.bundle import build_release
from abag.release.intent import Intent
from abag.release.pull import pull
from abag.release.subjects import read_subject
from abag.release.texts import TEXTS
from abag.release.verify import verify_release
from abag.uncertainty.served import fit_served
from released_models import DATE, change_json, resum, small_release
from synthetic_pairs import assay_table, complexes_table


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "release")
    return tmp_path / "release"


@pytest.fixture(autouse=True)
def own_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAG_MODELS", str(tmp_path / "shelf"))


def test_a_release_is_whole_and_its_card_has_eleven_sections(release: Path):
    facts = verify_release(release)
    card = (release / "README.md").read_text()
    assert [line for line in card.splitlines() if line.startswith("## ")] == [
        "## What it is", "## For whom, and for whom not", "## Quick start", "## Architecture",
        "## Data", "## Training", "## Evaluation", "## Verdicts and calibration",
        "## Known issues", "## Reproduction", "## Citation",
    ]  # fmt: skip
    assert card.startswith("---\nlicense: mit\nlibrary_name: abag\n")
    assert all((release / name).stat().st_size for name in TEXTS)
    assert facts["given"]["tag"] == "v1.0.0"
    assert facts["training"]["rows_used"] == 48


def test_the_same_model_gives_the_same_bytes(made: Path, tmp_path: Path):
    again = small_release(tmp_path / "again")
    assert (again / "SHA256SUMS").read_bytes() == (made / "SHA256SUMS").read_bytes()


def test_a_pulled_release_predicts_the_same_by_name(release: Path):
    pulled = pull(str(release))
    assert str(pulled.name) == "ridge@1.0.0"
    row = pl.read_csv(release / "check" / "pairs.csv").row(0, named=True)
    chains = {"heavy": row["heavy"], "light": row["light"], "antigen": row["antigen"]}
    for name in ("ridge@1.0.0", "ridge", release, release / "model"):
        assert abag.load(name).predict_pair(**chains).pkd == pytest.approx(row["pkd"], abs=1e-9)
    assert not pull(str(release)).facts["run"]


def test_two_revisions_are_told_apart(made: Path, tmp_path: Path):
    pull(str(made))
    pull(str(small_release(tmp_path / "new", "1.1.0")))
    with pytest.raises(OptionError, match=r"ridge@1\.0\.0 or ridge@1\.1\.0"):
        abag.load("ridge")
    assert abag.load("ridge@1.1.0").model_id == abag.load("ridge@1.0.0").model_id


def test_a_name_that_nobody_pulled_is_refused_with_the_mend():
    with pytest.raises(MissingFileError, match=r"abag pull nothing@1\.0"):
        abag.load("nothing@1.0")


def test_a_revision_that_the_folder_does_not_hold_is_refused(made: Path):
    with pytest.raises(ReleaseError, match=r"holds the release ridge@1\.0\.0, not 2\.0"):
        pull(f"{made}@2.0")


@pytest.mark.parametrize(
    "name", ["README.md", "RELEASE_NOTES.md", "announcements/post.txt", "ROADMAP.md"]
)
def test_a_number_changed_by_hand_is_refused_with_its_line(release: Path, name: str):
    path = release / name
    text = path.read_text()
    place = next(i for i, letter in enumerate(text) if letter.isdigit() and i > text.find("pKd"))
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    with pytest.raises(ReleaseError, match=f"{name} is not the file that was released"):
        verify_release(release)
    resum(release)
    with pytest.raises(ReleaseError, match=rf"{name}, line \d+ says"):
        verify_release(release)


def test_one_byte_of_a_weight_is_refused(release: Path):
    path = release / "model" / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReleaseError, match=r"weights\.safetensors is not the file"):
        verify_release(release)
    resum(release)
    with pytest.raises(ModelError, match=r"weights\.safetensors .*checksum differs"):
        verify_release(release)


def test_a_fact_that_the_artefacts_do_not_carry_is_refused(release: Path):
    change_json(release / "release.json", "training", "rows_used", value=23_961)
    resum(release)
    with pytest.raises(ReleaseError, match=r"training\.rows_used is 23961 there, 48 in the art"):
        verify_release(release)


def test_a_check_prediction_that_the_model_does_not_give_is_refused(release: Path):
    path = release / "check" / "pairs.csv"
    table = pl.read_csv(path)
    name = table["name"][1]
    moved = table.with_columns(pkd=pl.when(pl.col("name") == name).then(pl.col("pkd") + 0.01)
                               .otherwise(pl.col("pkd")))  # fmt: skip
    write_csv(path, moved)
    resum(release)
    with pytest.raises(ReleaseError, match="does not give the stored predictions of 1 row"):
        verify_release(release)


def test_a_missing_and_a_foreign_file_are_named(release: Path):
    (release / "ROADMAP.md").rename(release / "PLAN.md")
    with pytest.raises(ReleaseError, match=r"PLAN\.md is no part of the release"):
        verify_release(release)
    (release / "PLAN.md").unlink()
    with pytest.raises(ReleaseError, match=r"ROADMAP\.md is missing"):
        verify_release(release)


def test_news_with_a_number_of_no_artefact_are_refused(made: Path, tmp_path: Path):
    subject = read_subject(made)
    good = Intent("1.0.1", "ridge", DATE, new=("Fitted on 48 rows.",))
    build_release(subject, good, tmp_path / "good")
    assert "- Fitted on 48 rows." in (tmp_path / "good" / "RELEASE_NOTES.md").read_text()
    bad = Intent("1.0.1", "ridge", DATE, new=("Tested on 5,707 rows.",))
    with pytest.raises(ReleaseError, match=r"'5,707' is not in release\.json"):
        build_release(subject, bad, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_rows_whose_licence_forbids_weights_are_refused(tmp_path: Path):
    table = complexes_table(48, antigens=5)
    barred = pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("CC-BY-NC-4.0"))
    table = table.with_columns(licence=barred.otherwise(pl.lit("MIT")))
    write_parquet(tmp_path / "table.parquet", table)
    fit_served("kmer-ridge", TrainingRows(tmp_path / "table.parquet"), tmp_path / "m", folds=3)
    with pytest.raises(ReleaseError, match=r"3 rows of test under CC-BY-NC-4\.0"):
        read_subject(tmp_path / "m")


def test_a_model_that_does_not_record_licences_needs_its_table(tmp_path: Path):
    from abag.model.fitting import fit_model

    write_parquet(tmp_path / "table.parquet", complexes_table(30, antigens=3))
    fit_model("mean", TrainingRows(tmp_path / "table.parquet"), tmp_path / "m")
    with pytest.raises(ReleaseError, match="--table"):
        read_subject(tmp_path / "m")
    subject = read_subject(tmp_path / "m", tmp_path / "table.parquet")
    facts = build_release(subject, Intent("1.0.0", date=DATE), tmp_path / "out")
    assert facts["recommendation"]["what"] == "education"
    assert "no calibration" in (tmp_path / "out" / "RELEASE_NOTES.md").read_text()
    assert KmerRidge.name not in facts["model"]["id"]


@pytest.mark.parametrize(
    ("stated", "told"),
    [({"version": "1.0"}, "--version"), ({"version": "1.0.0", "licence": "GPL"}, "--licence"),
     ({"version": "1.0.0", "date": "soon"}, "--date"),
     ({"version": "1.0.0", "name": "a b"}, "NAME@REVISION")],
)  # fmt: skip
def test_what_people_state_is_checked(stated: dict[str, str], told: str):
    with pytest.raises(OptionError, match=told):
        Intent(**stated).checked()


def test_earlier_releases_stand_beside_on_the_same_rows(made: Path, tmp_path: Path):
    table = tmp_path / "rows.parquet"
    write_parquet(table, complexes_table(40, antigens=8, seed=5))
    intent = Intent("1.1.0", "ridge", DATE, earlier=(made,), compare_on=table)
    facts = build_release(read_subject(made), intent, tmp_path / "out")
    versions = [one["version"] for one in facts["given"]["comparison"]["releases"]]
    assert versions == ["1.1.0", "1.0.0"]
    rmse = [one["rmse"]["value"] for one in facts["given"]["comparison"]["releases"]]
    assert rmse[0] == rmse[1]
    assert "| ridge 1.1.0 | ridge 1.0.0 |" in (tmp_path / "out" / "COMPARISON.md").read_text()
    verify_release(tmp_path / "out")
    assert read_json(made / "release.json")["given"]["comparison"] is None


@pytest.mark.slow
def test_a_model_of_an_assay_is_released_with_its_report(tmp_path: Path):
    from abag.maturation.adapt.antigens import adapt_file

    write_parquet(tmp_path / "assay.parquet", assay_table(30))
    adapt_file(tmp_path / "assay.parquet", tmp_path / "model")
    with pytest.raises(ReleaseError, match="--table"):
        read_subject(tmp_path / "model")
    subject = read_subject(tmp_path / "model", tmp_path / "assay.parquet")
    build_release(subject, Intent("1.0.0", "assay", DATE), tmp_path / "out")
    facts = verify_release(tmp_path / "out")
    assert facts["check"]["pairs"] == 8
    assert facts["given"]["uses"]["not_meant"][0] == "other antibodies"
    assert str(tmp_path) not in (tmp_path / "out" / "report" / "adaptation.json").read_text()
    text = (tmp_path / "out" / "RELEASE_NOTES.md").read_text()
    assert all(issue["text"] in text for issue in facts["issues"])
