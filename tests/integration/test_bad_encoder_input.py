"""Mistakes with encoders, stores and pre-training: status 2, one message, nothing written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("torch")

from abag.apps.cli import main
from abag.files import write_parquet
from synthetic_antibodies import write_sources
from synthetic_pairs import HEAVY, LIGHT

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
HEADER = "heavy,light,antigen\n"
TINY = (
    "width=16 layers=1 heads=2 feed_forward=32 steps=4 warmup_steps=2 tokens_per_batch=2400 "
    "held_out_share=0.15 log_every=2 evaluate_every=4 evaluate_molecules=4 checkpoint_every=3 "
    "threads=1 precision=fp32"
)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[str, str]:
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words)])
    captured = capsys.readouterr()
    assert not stop.value.code, captured
    return captured.out, captured.err


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files, stores and runs, whole ones and broken ones."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "good.csv").write_text(f"{HEADER}{HEAVY},{LIGHT},{ANTIGEN}\n")
    (folder / "stop.csv").write_text(
        f"{HEADER}{HEAVY},{LIGHT},{ANTIGEN}\n{HEAVY},{LIGHT},{ANTIGEN[:9]}*{ANTIGEN}\n"
    )
    (folder / "empty.csv").write_text("")
    (folder / "empty_chain.csv").write_text(f"{HEADER}{HEAVY},{LIGHT},{ANTIGEN}\n,,{ANTIGEN}\n")
    (folder / "unknown_letter.csv").write_text(
        f"{HEADER}{HEAVY},{LIGHT},{ANTIGEN}\n{HEAVY[:20]}1{HEAVY},{LIGHT},{ANTIGEN}\n"
    )
    (folder / "long.csv").write_text(f"{HEADER}{HEAVY},{LIGHT},{'MKTAYIAKQR' * 60}\n")
    (folder / "a_file").write_text("x")
    (folder / "folder").mkdir()
    (folder / "list.json").write_text("[1]")
    (folder / "torn.json").write_text("{")
    write_sources(folder / "src")
    _stores(folder)
    _runs(folder)
    return folder


def _stores(folder: Path) -> None:
    with pytest.raises(SystemExit):
        main(["embed", str(folder / "good.csv"), "--store", str(folder / "store")])
    for name in ("torn_store", "wide_store", "later_store"):
        shutil.copytree(folder / "store", folder / name)
    next((folder / "torn_store").glob("*/store.json")).write_text("{")
    for name, change in (("wide_store", {"width": 8}), ("later_store", {"format": 99})):
        path = next((folder / name).glob("*/store.json"))
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    shutil.copytree(next((folder / "store").iterdir()), folder / "room")


def _runs(folder: Path) -> None:
    settings = [word for setting in TINY.split() for word in ("--set", setting)]
    with pytest.raises(SystemExit):
        main(["pretrain", "--sources", str(folder / "src"), "--out", str(folder / "run"),
              "--minutes", "1e-9", *settings])  # fmt: skip
    for name in ("other_corpus", "fewer_rows", "no_corpus", "no_checkpoint", "torn", "no_settings",
                 "no_manifest"):  # fmt: skip
        shutil.copytree(folder / "run", folder / name)
    manifest = json.loads((folder / "run/corpus.json").read_text())
    other = json.dumps({**manifest, "digest": "0" * 64})
    (folder / "other_corpus/corpus.json").write_text(other)
    table = pl.read_parquet(folder / "run/corpus.parquet")
    write_parquet(folder / "fewer_rows/corpus.parquet", table.head(table.height - 5))
    (folder / "no_corpus/corpus.parquet").unlink()
    for path in (folder / "no_checkpoint").glob("checkpoint*"):
        path.unlink()
    for path in (folder / "torn").glob("checkpoint*"):
        path.write_bytes(path.read_bytes()[:100])
    (folder / "no_settings/config.json").write_text("[]")
    (folder / "no_manifest/corpus.json").write_text("{}")


EMBED = "embed {in}/good.csv --store {out}/s "
NEW = "pretrain --sources {in}/src --out {out}/r "

CASES: list[tuple[str, tuple[str, ...]]] = [
    ("embed {in}/missing.csv --store {out}/s", ("there is no file", "missing.csv")),
    ("embed {in}/folder --store {out}/s", ("is a folder",)),
    ("embed {in}/empty.csv --store {out}/s", ("is empty",)),
    ("embed {in}/stop.csv --store {out}/s", ("row 3", "stop codon at residue 10", "embed again")),
    ("embed {in}/empty_chain.csv --store {out}/s", ("row 3", "embed again")),
    ("embed {in}/unknown_letter.csv --store {out}/s", ("row 3", "'1'", "embed again")),
    ("embed {in}/good.csv", ("--store", "--help")),
    ("embed {in}/good.csv --store {in}/a_file", ("a_file is a file; name a folder",)),
    ("embed {in}/good.csv --store {in}/a_file/s", ("a_file is a file; name a folder",)),
    ("embed {in}/good.csv --store /proc/abag", ("cannot be made",)),
    ("embed {in}/good.csv --store {in}/src", ("no embedding store", "new or empty folder")),
    ("embed {in}/good.csv --store {in}/room", ("room of one encoder", "the folder above")),
    ("embed {in}/good.csv --store {in}/wide_store", ("rows of width 8", "a folder of their own")),
    ("embed {in}/good.csv --store {in}/torn_store", ("store.json is not a JSON", "delete it")),
    ("embed {in}/good.csv --store {in}/later_store", ("is of format 99", "reads 1")),
    (f"{EMBED}--encoder bultin", ("'bultin'", "Did you mean 'builtin'", "hf:owner/name")),
    (f"{EMBED}--encoder esm2-35", ("Did you mean 'esm2-35m'",)),
    (f"{EMBED}--encoder hf:", ("there is no encoder 'hf:'",)),
    (f"{EMBED}--folder {{in}}/missing", ("there is no folder",)),
    (f"{EMBED}--folder {{in}}/a_file", ("is a file; name a folder",)),
    (f"{EMBED}--folder {{in}}/folder", ("holds no card.json", "--finish")),
    (f"{EMBED}--folder {{in}}/run", ("holds no card.json", "--finish")),
    (f"{EMBED}--adapter {{in}}/folder", ("there is no file", "adapter_model.safetensors")),
    (f"{EMBED}--storage fp64", ("fp64", "fp32", "int8")),
    (f"{EMBED}--precision fp16", ("fp16", "bf16")),
    (f"{EMBED}--device gpu", ("'gpu' is no device", "cuda:0")),
    (f"{EMBED}--device opengl", ("'opengl' is no device",)),
    (f"{EMBED}--device cpu:x", ("'cpu:x' is no device",)),
    (f"{EMBED}--device cuda:99", ("there is no device cuda:99", "auto or cpu")),
    (f"{EMBED}--device cpu --device cpu", ("name each one once",)),
    (f"{EMBED}--budget 0", ("budget of 0", "1 or more")),
    (f"{EMBED}--budget -5", ("budget of -5", "1 or more")),
    (f"{EMBED}--budget many", ("many", "--budget")),
    (f"{EMBED}--role light", ("light", "antibody")),
    (f"{EMBED}--long cut", ("cut", "refuse")),
    ("embed {in}/long.csv --store {out}/s --long refuse", ("600 residues", "512", "windows")),
    (f"{EMBED}--map heavy=VH", ("'VH'", "no such column", "'heavy', 'light'")),
    *(
        (f"store {verb} {{in}}/{name}", words)
        for verb in ("info", "verify", "compact")
        for name, words in (
            ("missing", ("no embedding store", "abag embed")),
            ("a_file", ("no embedding store", "abag embed")),
            ("folder", ("no embedding store", "abag embed")),
            ("run", ("no embedding store", "abag embed")),
            ("torn_store", ("store.json is not a JSON", "delete it")),
            ("later_store", ("is of format 99",)),
        )
    ),
    ("store compact {in}/wide_store", ("damaged in 1 place", "--drop-damaged")),
    ("store compat {in}/store", ("compat", "compact")),
    ("pretrain", ("--out", "--resume")),
    ("pretrain --out {out}/r", ("--sources",)),
    ("pretrain --sources {in}/missing --out {out}/r", ("there is no folder",)),
    ("pretrain --sources {in}/a_file --out {out}/r", ("is a file; name a folder",)),
    ("pretrain --sources {in}/folder --out {out}/r", ("none of the corpus", "saaint_db")),
    ("pretrain --sources {in}/src --out {in}/a_file", ("a_file is a file",)),
    ("pretrain --sources {in}/src --out {in}/a_file/r", ("a_file is a file",)),
    ("pretrain --sources {in}/src --out /proc/abag", ("cannot be made",)),
    ("pretrain --sources {in}/src --out {in}/run", ("holds a run already", "--resume")),
    ("pretrain --sources {in}/src --out {in}/store", ("other files", "name a new folder")),
    (f"{NEW}--set stepz=3", ("did you mean 'steps'",)),
    (f"{NEW}--set steps=many", ("steps='many'", "integer")),
    (f"{NEW}--set steps", ("KEY=VALUE", "steps=500")),
    (f"{NEW}--set width=100 --set heads=8", ("width 100", "multiple", "heads 8")),
    (f"{NEW}--set learning_rate=nan", ("learning_rate", "finite")),
    (f"{NEW}--set learning_rate=Infinity", ("learning_rate", "finite")),
    (f"{NEW}--config {{in}}/missing.json", ("there is no file",)),
    (f"{NEW}--config {{in}}/list.json", ("no JSON object",)),
    (f"{NEW}--config {{in}}/torn.json", ("torn.json is not a JSON file",)),
    (f"{NEW}--config {{in}}/folder", ("is a folder",)),
    (f"{NEW}--minutes -1", ("--minutes is -1", "more than 0")),
    (f"{NEW}--minutes nan", ("--minutes is nan",)),
    (f"{NEW}--minutes soon", ("soon", "--minutes")),
    (f"{NEW}--finish", ("--finish goes with --resume",)),
    ("pretrain --resume {in}/missing", ("there is no folder",)),
    ("pretrain --resume {in}/a_file", ("is a file; name a folder",)),
    ("pretrain --resume {in}/folder", ("is no run of abag pretrain", "--out")),
    ("pretrain --resume {in}/store --finish", ("is no run of abag pretrain", "--out")),
    ("pretrain --resume {in}/run --minutes -1", ("more than 0",)),
    ("pretrain --resume {in}/run --set width=32", ("cannot change width", "Start a new run")),
    ("pretrain --resume {in}/run --config {in}/list.json", ("--set",)),
    ("pretrain --resume {in}/run --finish --minutes 1", ("--finish goes with --resume alone",)),
    ("pretrain --resume {in}/other_corpus", ("corpus.json", "changed or damaged", "restore it")),
    ("pretrain --resume {in}/fewer_rows", ("corpus.parquet", "changed", "start a new run")),
    ("pretrain --resume {in}/fewer_rows --finish", ("corpus.parquet", "changed")),
    ("pretrain --resume {in}/no_corpus", ("there is no file", "corpus.parquet")),
    ("pretrain --resume {in}/no_manifest", ("corpus.json", "changed")),
    ("pretrain --resume {in}/no_checkpoint --finish", ("no checkpoint",)),
    ("pretrain --resume {in}/torn", ("checkpoint.safetensors is damaged", "start a new run")),
    ("pretrain --resume {in}/no_settings", ("config.json holds no settings",)),
]


def contents(folder: Path) -> dict[str, str]:
    """Every file and folder, hidden ones too, with a digest of the files."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
        # The lock of a store stays behind, empty, where a store was there before.
        if path.name != "writer.lock"
    }


@pytest.mark.parametrize(("line", "words"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_a_mistake_is_named_with_its_mend_and_leaves_everything_as_it_was(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, line: str, words: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.delenv("ABAG_DATA_SOURCES", raising=False)
    before = contents(here)
    with pytest.raises(SystemExit) as stop:
        main(line.replace("{in}", str(here)).replace("{out}", str(tmp_path)).split())
    captured = capsys.readouterr()
    assert stop.value.code == 2, captured
    assert captured.out == ""
    assert captured.err.count("abag: error: ") == 1
    for word in words:
        assert word in captured.err
    assert contents(here) == before
    assert contents(tmp_path) == {}


def test_an_antibody_chain_as_antigen_is_noted_for_people_and_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "swapped.csv").write_text(f"{HEADER}{HEAVY},{LIGHT},{HEAVY}\n")
    words = ("embed", tmp_path / "swapped.csv", "--store", tmp_path / "s", "--json")
    for role in ((), ("--role", "antigen")):
        out, err = run(capsys, *words, *role)
        assert json.loads(out)["antibodies_as_antigens"] == [HEAVY]
        assert err.count("abag: note: the antigen EVQLVESGGG") == 1
        assert "antibody domain (heavy)" in err
        assert ".py" not in err
    out, err = run(capsys, *words, "--role", "antibody")
    assert json.loads(out)["antibodies_as_antigens"] == []
    assert "note" not in err


def test_rows_without_an_antigen_are_counted_where_antigens_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = f"{HEAVY},{LIGHT},{ANTIGEN}\n{HEAVY},{LIGHT},\n"
    (tmp_path / "gap.csv").write_text(f"{HEADER}{rows}")
    words = ("embed", tmp_path / "gap.csv", "--store", tmp_path / "s")
    out, _ = run(capsys, *words)
    assert "1 row without an antigen sequence" in out
    out, _ = run(capsys, *words, "--role", "antibody", "--json")
    assert json.loads(out)["without_antigen"] == 0


def test_a_store_goes_on_in_its_folder_and_in_one_left_by_a_kill_before_its_description(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(here / "store", tmp_path / "s")
    out, _ = run(capsys, "embed", here / "good.csv", "--store", tmp_path / "s", "--json")
    assert json.loads(out)["encoded"] == 0
    next((tmp_path / "s").glob("*/store.json")).unlink()
    out, _ = run(capsys, "embed", here / "good.csv", "--store", tmp_path / "s", "--storage", "int8",
                 "--json")  # fmt: skip
    assert json.loads(out)["encoded"] == 2
