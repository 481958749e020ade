"""Mistakes of users, command by command: status 2, one message, nothing written or lost."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from abag.apps.cli import main
from abag.data.splits import make_split
from abag.files import write_parquet
from synthetic_pairs import HEAVY, LIGHT, assay_table, complexes_table

ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
DNA = "GAGGTGCAGCTGGTGGAGTCTGGAGGAGGC" * 8
HEADER = "heavy,light,antigen,KD (nM)"
ROW = f"{HEAVY},{LIGHT},{ANTIGEN},5"
GOOD = f"{HEADER}\n{ROW}\n"
STOPPED = f"{HEAVY[:50]}*{HEAVY[50:]}"
JUNK = bytes(range(256)) * 8


def pair(heavy: str = HEAVY, antigen: str = ANTIGEN, value: str = "5") -> str:
    return f"{GOOD}{heavy},{LIGHT},{antigen},{value}\n"


TEXTS: dict[str, str | bytes] = {
    # what a file is called, and what is in it
    "good.csv": GOOD,
    "empty.csv": "",
    "blank.csv": "\n  \n",
    "header_only.csv": f"{HEADER}\n",
    "no_antigen.csv": GOOD.replace("antigen,", "").replace(f"{ANTIGEN},", ""),
    "no_heavy.csv": GOOD.replace("heavy,", "").replace(f"{HEAVY},", ""),
    "no_value.csv": GOOD.replace(",KD (nM)", "").replace(",5", ""),
    "by_spaces.csv": GOOD.replace(",", " "),
    "two_delimiters.csv": f"{HEADER}\n{ROW.replace(',', ';')}\n",
    "mixed_encodings.csv": f"{HEADER},note\n{ROW},".encode() + b"caf\xe9\n" + f"{ROW},é\n".encode(),
    "utf16.csv": GOOD.encode("utf-16"),
    "long_heavy.csv": pair(heavy=HEAVY * 84),
    "long_antigen.csv": pair(antigen="MKTAYIAKQR" * 1000),
    "unit_typo.csv": GOOD.replace("nM", "nMM"),
    "no_unit.csv": GOOD.replace(" (nM)", ""),
    "unit_column_typo.csv": f"heavy,light,antigen,KD,unit\n{ROW},nM\n{ROW},nMM\n",
    "negative.csv": pair(value="-5"),
    "zero.csv": pair(value="0"),
    "nan.csv": pair(value="NaN"),
    "infinite.csv": pair(value="inf"),
    "no_cell.csv": pair(value=""),
    "decimal_comma.csv": pair(value='"1,5"'),
    "duplicate.csv": GOOD.replace("light", "heavy"),
    "ragged.csv": f"{GOOD}{HEAVY},{LIGHT}\n",
    "quotation.csv": f'{HEADER}\n"{ROW}\n{ROW}\n',
    "truncated.csv.gz": gzip.compress(GOOD.encode(), mtime=0)[:60],
    "sheet.xlsx": b"PK\x03\x04" + JUNK,
    "junk.parquet": JUNK,
    "stop.csv": pair(heavy=STOPPED),
    "dna.csv": pair(heavy=DNA),
    "antigen_cell.csv": pair(antigen=""),
    "chain.fasta": f">mine\n{HEAVY}\n",
    "twice.fasta": f">mine\n{HEAVY}\n>mine\n{LIGHT}\n",
    "a_file": "x",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of input, good and bad."""
    folder = tmp_path_factory.mktemp("inputs")
    for name, content in TEXTS.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    for name in ("folder", "folder.parquet", "src", "src/saaint_db"):
        (folder / name).mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(folder / "foreign.parquet")
    table, other = complexes_table(60), complexes_table(50, seed=3)
    bound = {"pkd": None, "pkd_lower": None, "rank_score": None}
    censored = table.with_columns(
        *(pl.lit(v, pl.Float64).alias(k) for k, v in bound.items()), relation=pl.lit(">")
    )
    assays = pl.Series("assay", [f"a{i % 4}" for i in range(60)])
    several = table.with_columns(assays, antigen=pl.lit([], dtype=pl.List(pl.String)))
    tables = {
        "table": table, "t.quarantine": table[:1], "variants": assay_table(20), "other": other,
        "one": table[:1], "rowless": table[:0],
        "censored": censored, "several": several,
    }  # fmt: skip
    for name, frame in tables.items():
        write_parquet(folder / f"{name}.parquet", frame)
        if frame.height > 1:
            make_split(frame, "random", folds=4).save(folder / f"split_{name}.parquet")
    with pytest.raises(SystemExit):
        main(["fit", f"{folder}/table.parquet", "--model", "mean", "--out", f"{folder}/model"])
    shutil.copytree(folder / "model", folder / "changed")
    weights = folder / "changed" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    shutil.copytree(folder / "model", folder / "weightless")
    (folder / "weightless" / "weights.safetensors").unlink()
    return folder


IMPORT = "data import {in}/%s --out {out}/t.parquet"
PREDICT = "predict --model {in}/model --table {in}/%s --out {out}/p.csv"
CHAINS = f"--heavy {HEAVY} --antigen {ANTIGEN}"

FILES: dict[str, tuple[str, ...]] = {
    # a user's file, and what the message says of it, for import and predict alike
    "empty.csv": ("is empty",),
    "blank.csv": ("is empty",),
    "header_only.csv": ("has a header but no rows",),
    "no_antigen.csv": ("row 1", "no column of antigen", "--map antigen="),
    "no_heavy.csv": ("row 1", "no column of heavy", "--map heavy="),
    "by_spaces.csv": ("row 1", "parted by spaces", "comma"),
    "two_delimiters.csv": ("row 2: 1 field", "by comma, this row by semicolon"),
    "mixed_encodings.csv": ("row 2", "not UTF-8", "as UTF-8"),
    "utf16.csv": ("UTF-16", "as UTF-8"),
    "long_heavy.csv": ("row 3", "10080 residues", "give the domain"),
    "long_antigen.csv": ("row 3", "10000 residues", "give the domain"),
    "duplicate.csv": ("row 1, column 'heavy'", "columns number 1, 2", "Rename"),
    "ragged.csv": ("row 3: 2 fields", "header has 4"),
    "quotation.csv": ("row 2", "never closed"),
    "truncated.csv.gz": ("truncated gzip", "copy it again"),
    "folder": ("is a folder",),
    "folder.parquet": ("is a folder",),
    "sheet.xlsx": ("Excel", "save the sheet as .xlsx or as CSV"),
    "junk.parquet": ("NUL",),
    "foreign.parquet": ("no column of heavy",),
    "stop.csv": ("row 3", "stop codon at residue 51"),
    "dna.csv": ("row 3", "nucleotides; translate it"),
    "missing.csv": ("there is no file",),
}
VALUES: dict[str, tuple[str, ...]] = {
    "no_value.csv": ("row 1", "no column of measured values", "--map value="),
    "unit_typo.csv": ("row 1, column 'KD (nMM)'", "'nMM'", "'KD (nM)'"),
    "no_unit.csv": ("row 1, column 'KD'", "unit of the values is not named", "--unit nM"),
    "unit_column_typo.csv": ("row 3", "unknown unit 'nMM'", "--quarantine"),
    "negative.csv": ("row 3", "must be a positive", "-5"),
    "zero.csv": ("row 3", "must be a positive"),
    "nan.csv": ("row 3", "no value ('NaN')"),
    "infinite.csv": ("row 3", "'inf' is not a number"),
    "no_cell.csv": ("row 3", "no value"),
    "decimal_comma.csv": ("row 3", "'1,5' holds a comma", "decimal point"),
    "chain.fasta": ("holds no measurements", "--labels"),
}
TABLES: dict[str, tuple[str, ...]] = {
    # what is given where a canonical table belongs
    "empty.csv": ("is empty",),
    "good.csv": ("is not a canonical table", "abag data import"),
    "missing.parquet": ("there is no file",),
    "folder": ("is a folder",),
    "folder.parquet": ("is a folder",),
    "junk.parquet": ("not a readable Parquet", "again"),
    "foreign.parquet": ("lacks the columns record_id", "abag data import"),
    "rowless.parquet": ("has no rows",),
    "split_table.parquet": ("lacks the columns", "abag data import"),
}
SPLITS: dict[str, tuple[str, ...]] = {
    "empty.csv": ("is empty",),
    "good.csv": ("is not a split", "abag split"),
    "missing.parquet": ("there is no file",),
    "folder": ("is a folder",),
    "junk.parquet": ("not a readable Parquet",),
    "table.parquet": ("is not a split", "abag split"),
    "split_other.parquet": ("for another table", "make a new split"),
}
READS_TABLE = (
    "data check {in}/%s",
    "data merge {in}/%s --out {out}/m.parquet",
    "split {in}/%s --strategy random --out {out}/s.parquet",
    "audit {in}/%s --split {in}/split_table.parquet --out {out}/audit",
    "fit {in}/%s --model mean --out {out}/model",
    "evaluate {in}/%s --split {in}/split_table.parquet --model mean --out {out}/run",
)
READS_SPLIT = (
    "audit {in}/table.parquet --split {in}/%s --out {out}/audit",
    "fit {in}/table.parquet --split {in}/%s --holdout fold-1 --model mean --out {out}/model",
    "evaluate {in}/table.parquet --split {in}/%s --model mean --out {out}/run",
)
EVALUATE = "evaluate {in}/table.parquet --split {in}/split_table.parquet --out {out}/run --model "
FIT = "fit {in}/table.parquet --out {out}/model --model "
SPLIT = "split {in}/table.parquet --out {out}/s.parquet --strategy "
SAAINT = "benchmark saaint --sources {in}/src --out {out}/b "

OTHERS: list[tuple[str, tuple[str, ...]]] = [
    (f"{IMPORT % 'no_unit.csv'} --unit nMM", ("unknown unit 'nMM'", "nM, pM")),
    (f"{IMPORT % 'no_unit.csv'} --unit nM --quantity KDD", ("unknown quantity 'KDD'", "KD, KA")),
    (f"{IMPORT % 'good.csv'} --unit pM", ("row 1, column 'KD (nM)'", "the option says 'pM'")),
    (f"{IMPORT % 'good.csv'} --map heavy=VH", ("'VH'", "no such column", "'heavy', 'light'")),
    (f"{IMPORT % 'good.csv'} --map hevy=heavy", ("did you mean 'heavy'",)),
    (f"{IMPORT % 'good.csv'} --labels {{in}}/good.csv", ("a table takes no labels",)),
    (f"{IMPORT % 'chain.fasta'} --labels {{in}}/missing.csv", ("there is no file", "missing.csv")),
    (f"{IMPORT % 'good.csv'} --foo 1", ("Unknown option", "--help")),
    ("data import {in}/good.csv", ("--out", "--help")),
    ("data import {in}/good.csv --out {out}/t.csv", ("name in .parquet",)),
    ("data import {in}/good.csv --out {in}/folder.parquet", ("is a folder",)),
    ("data import {in}/good.csv --out {in}/a_file/t.parquet", ("a_file is a file",)),
    ("data import {in}/good.csv --out /proc/t.parquet", ("/proc/t.parquet cannot be written",)),
    ("data import {in}/table.parquet --out {in}/table.parquet", ("is a file that is read",)),
    ("data import {in}/t.quarantine.parquet --out {in}/t.parquet", ("is a file that is read",)),
    ("data merge {in}/table.parquet --out {in}/table.parquet", ("is a file that is read",)),
    ("data merge {in}/table.parquet --out {out}/m.csv", ("name in .parquet",)),
    ("data check {in}/good.csv --column KD --unit nM", ("'KD'", "no such column", "KD (nM)")),
    ("data check {in}/good.csv --column heavy --unit nM", ("row 2, column 'heavy'", "no finite")),
    ("data check {in}/no_unit.csv --column KD", ("the unit is missing",)),
    ("data check {in}/no_unit.csv --column KD --unit nMM", ("unknown unit 'nMM'",)),
    ("data check {in}/infinite.csv --column KD_(nM) --unit nM", ("row 3", "'inf'")),
    ("data check {in}/table.parquet --others {in}/foreign.parquet", ("foreign.parquet lacks",)),
    ("data build --sources {in}/missing --out {out}/t.parquet", ("there is no folder",)),
    ("data build --sources {in}/a_file --out {out}/t.parquet", ("is a file; name a folder",)),
    ("data build --sources {in}/folder --out {out}/t.parquet", ("abag data sources",)),
    ("data build --sources {in}/src --out {out}/t.parquet", ("there is no file", "saaint_db")),
    ("data build --sources {in}/src --out {out}/t.parquet --only saint", ("saint", "saaint_db")),
    ("data build --sources {in}/src --out {out}/t.parquet --only biomap", ("no folder for",)),
    ("data build --sources {in}/src --out {out}/t.parquet --licence x", ("all, permissive",)),
    ("data build --sources {in}/src --out {out}/t.csv", ("name in .parquet",)),
    (f"{SPLIT}rndom", ("'rndom'", "random, complex")),
    (f"{SPLIT}random --folds 1", ("--folds 1", "2 folds or more")),
    (f"{SPLIT}random --folds 61", ("60 rows", "at most 60 folds")),
    (f"{SPLIT}antigen-cluster --folds 10", ("6 antigen clusters", "at most 6 folds")),
    (f"{SPLIT}random --train .9 --test .9", ("sum to 1.8",)),
    (f"{SPLIT}random --train .9", ("--train and --test",)),
    (f"{SPLIT}random --seed -1", ("seed is -1",)),
    (f"{SPLIT}antigen-cluster --threshold -1", ("threshold is -1",)),
    (f"{SPLIT}random --threshold .5", ("antibody-cluster and antigen-cluster",)),
    ("split {in}/one.parquet --strategy random --out {out}/s.parquet", ("fewer than two rows",)),
    ("split {in}/table.parquet --strategy random --out {out}/s.csv", ("split.parquet",)),
    ("split {in}/table.parquet --strategy random --out {in}/table.parquet", ("that is read",)),
    ("audit {in}/table.parquet --split {in}/split_table.parquet --out {in}/a_file", ("is a file",)),
    ("audit {in}/table.parquet --split {in}/split_table.parquet --seed -1", ("seed is -1",)),
    (f"{FIT}kmerridge", ("did you mean 'kmer-ridge'",)),
    (f"{FIT}mean --seed -1", ("seed=-1",)),
    (f"{FIT}kmer-ridge --set rdge=1", ("did you mean 'ridge'",)),
    (f"{FIT}kmer-ridge --set ridge=nan", ("ridge=nan", "finite")),
    (f"{FIT}mean --assay none", ("'none'", "the rows have one")),
    (f"{FIT}one-hot-ridge", ("the assay 'one' have 6 antigens", "use kmer-ridge")),
    ("fit {in}/table.parquet --model mean --out {in}/src", ("holds other files", "new folder")),
    ("fit {in}/table.parquet --model mean --out {in}/src --overwrite", ("left as it is",)),
    ("fit {in}/table.parquet --model mean --out {in}/a_file/m", ("a_file is a file",)),
    ("fit {in}/censored.parquet --model mean --out {out}/m", ("none of 60", "60 are censored")),
    (f"{EVALUATE}kmerridge", ("did you mean 'kmer-ridge'",)),
    (f"{EVALUATE}mean --bootstrap 0", ("--bootstrap 0", "100")),
    (f"{EVALUATE}mean --target kd", ("pkd", "rank_score")),
    (f"{EVALUATE}{{in}}/model", ("fitted without a split", "abag fit --split")),
    (f"{EVALUATE}{{in}}/folder", ("is not a saved model", "abag fit")),
    ("evaluate {in}/table.parquet --split {in}/split_table.parquet --model mean --out {in}/a_file",
     ("a_file is a file",)),
    ("evaluate {in}/censored.parquet --split {in}/split_censored.parquet --model mean "
     "--out {out}/run", ("45 are censored",)),
    ("evaluate {in}/several.parquet --split {in}/split_several.parquet --model one-hot-ridge "
     "--out {out}/run", ("one assay", "a0, a1, a2, a3")),
    (f"predict --model {{in}}/missing {CHAINS}", ("there is no folder",)),
    (f"predict --model {{in}}/folder {CHAINS}", ("is not a saved model", "abag fit")),
    (f"predict --model {{in}}/good.csv {CHAINS}", ("is a file; name a folder",)),
    (f"predict --model {{in}}/changed {CHAINS}", ("checksum differs", "fit the model again")),
    (f"predict --model {{in}}/weightless {CHAINS}", ("no weights.safetensors", "copy it again")),
    ("predict", ("--heavy is missing",)),
    (f"predict --model {{in}}/model --heavy {HEAVY} --antigen=", ("--antigen is missing",)),
    (f"predict --model {{in}}/model --heavy= --antigen {ANTIGEN}", ("--heavy is missing",)),
    (f"predict --model {{in}}/model --heavy {STOPPED} --antigen {ANTIGEN}", ("residue 51",)),
    (f"predict --model {{in}}/model --heavy {DNA} --antigen {ANTIGEN}", ("translate it",)),
    (f"predict --model {{in}}/model --heavy {HEAVY} --antigen {DNA}", ("antigen looks like",)),
    (f"predict --model {{in}}/model --heavy {ANTIGEN} --antigen {ANTIGEN}", ("no antibody",)),
    (f"{PREDICT % 'good.csv'} --heavy {HEAVY}", ("either --table or --heavy",)),
    ("predict --model {in}/model --table {in}/good.csv --out {in}/good.csv", ("that is read",)),
    ("predict --model {in}/model --table {in}/good.csv --out {out}/p.txt", (".xlsx or .parquet",)),
    ("predict --model {in}/model --table {in}/good.csv", ("--out is missing",)),
    (PREDICT % "antigen_cell.csv", ("row 3", "no antigen sequence")),
    (PREDICT % "chain.fasta", ("row 1", "no antigen sequence")),
    ("number", ("FASTA file or --sequence",)),
    ("number {in}/empty.csv", ("is empty",)),
    ("number {in}/folder", ("is a folder",)),
    ("number {in}/twice.fasta", ("row 3", "already on line 1")),
    (f"number --sequence {HEAVY}*", ("'*' at place 121",)),
    (f"number --sequence {DNA}", ("nucleotides; translate it",)),
    ("number --sequence=", ("the sequence is empty",)),
    (f"number --sequence {HEAVY} --out {{out}}/x.txt", ("numbers.csv",)),
    (f"number --sequence {HEAVY} --out {{in}}/a_file/x.csv", ("a_file is a file",)),
    (f"{SAAINT}--rows x", ("deduplicated, published",)),
    (f"{SAAINT}--model kmerridge", ("did you mean 'kmer-ridge'",)),
    (f"{SAAINT}--folds 1", ("--folds 1",)),
    (f"{SAAINT}--bootstrap 5", ("--bootstrap 5",)),
    (SAAINT, ("there is no file", "saaint_db")),
    ("benchmark saaint --sources {in}/missing --out {out}/b", ("there is no folder",)),
    ("benchmark saaint --sources {in}/src --out {in}/a_file", ("a_file is a file",)),
    ("demo --out {in}/a_file", ("a_file is a file",)),
    ("demo --out {in}", ("is not empty",)),
    ("foo", ("Unknown command", "predict")),
]  # fmt: skip
HOLDS_OTHERS = (
    # Every result that is a folder: its command leaves one with files of another kind alone.
    "adapt {in}/variants.parquet --out {in}/src",
    "adapt {in}/variants.parquet --out {in}/src --overwrite",
    "audit {in}/table.parquet --split {in}/split_table.parquet --out {in}/src",
    "audit {in}/table.parquet --split {in}/split_table.parquet --out {in}/src --overwrite",
    "evaluate {in}/table.parquet --split {in}/split_table.parquet --model mean --out {in}/src",
    f"scan --heavy {HEAVY} --light {LIGHT} --out {{in}}/src",
    f"scan --heavy {HEAVY} --light {LIGHT} --out {{in}}/src --overwrite",
    f"explain {CHAINS} --out {{in}}/src",
    "propose --model {in}/model --out {in}/src",
    "screen {in}/good.csv --antigen AAAAAAAAAAAAA --out {in}/src",
    "release {in}/model --table {in}/table.parquet --version 1.0.0 --out {in}/src",
)


def cases() -> Iterator[tuple[str, tuple[str, ...]]]:
    for template, files in (
        *((template, FILES) for template in (IMPORT, PREDICT)),
        (IMPORT, VALUES),
        *((template, TABLES) for template in READS_TABLE),
        *((template, SPLITS) for template in READS_SPLIT),
    ):
        for name, words in files.items():
            yield template % name, (*words, name)
    yield from OTHERS
    for template in HOLDS_OTHERS:
        yield template, ("other files",)


def contents(folder: Path) -> dict[str, str]:
    """Every file and folder, hidden ones too, with a digest of the files."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(("line", "words"), [pytest.param(*c, id=c[0][:90]) for c in cases()])
def test_a_mistake_is_named_with_its_mend_and_nothing_is_written(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, words: tuple[str]
) -> None:
    words_of_line = [
        word.replace("{in}", str(here)).replace("{out}", str(tmp_path)).replace("KD_(", "KD (")
        for word in line.split()
    ]
    before = contents(here)
    with pytest.raises(SystemExit) as stop:
        main(words_of_line)
    captured = capsys.readouterr()
    assert stop.value.code == 2, captured
    assert captured.out == ""
    assert captured.err.count("abag: error: ") == 1
    assert "Traceback" not in captured.err
    for word in words:
        assert word in captured.err
    assert contents(here) == before
    assert contents(tmp_path) == {}


def test_an_earlier_output_survives_a_failed_run(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.parquet"
    with pytest.raises(SystemExit) as stop:
        main(["data", "import", f"{here}/good.csv", "--out", str(out)])
    assert not stop.value.code
    before = contents(tmp_path)
    for name in ("nan.csv", "truncated.csv.gz"):
        with pytest.raises(SystemExit):
            main(["data", "import", f"{here}/{name}", "--out", str(out)])
    # The manifest cannot be written: the table beside it must not change alone.
    (tmp_path / "t.manifest.json").unlink()
    (tmp_path / "t.manifest.json").mkdir()
    with pytest.raises(SystemExit):
        main(["data", "import", f"{here}/table.parquet", "--out", str(out)])
    after = contents(tmp_path)
    assert after.pop(str(tmp_path / "t.manifest.json")) == "folder"
    assert after == {path: sha for path, sha in before.items() if "manifest" not in path}
    assert "t.manifest.json is a folder" in capsys.readouterr().err


def test_an_interrupt_leaves_no_temporary_file(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polars.DataFrame.write_parquet", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["data", "import", f"{here}/good.csv", "--out", f"{tmp_path}/t.parquet"])
    assert stop.value.code == 130
    assert "stopped" in capsys.readouterr().err
    assert contents(tmp_path) == {}


def test_a_full_disk_is_a_message_and_leaves_nothing(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("polars.DataFrame.write_parquet", full)
    with pytest.raises(SystemExit) as stop:
        main(["data", "import", f"{here}/good.csv", "--out", f"{tmp_path}/t.parquet"])
    assert stop.value.code == 2
    assert "No space left" in capsys.readouterr().err
    assert contents(tmp_path) == {}


SOUND = [
    # unusual, but to be read
    ("bom.csv", b"\xef\xbb\xbf" + GOOD.encode(), None),
    ("tabs.csv", GOOD.replace(",", "\t").encode(), None),
    ("packed.csv.gz", gzip.compress(GOOD.encode(), mtime=0), None),
    ("old_mac.csv", GOOD.replace("\n", "\r").encode(), None),
    ("lower.csv", GOOD.replace(HEAVY, HEAVY.lower()).encode(), "lower_case_mended"),
    ("swapped.csv", f"{HEADER}\n{LIGHT},{HEAVY},{ANTIGEN},5\n".encode(), "chains_swapped"),
    ("lone.csv", f"{HEADER}\n{HEAVY},,{ANTIGEN},5\n".encode(), "light_missing"),
]


@pytest.mark.parametrize(("name", "content", "flag"), SOUND, ids=[name for name, _, _ in SOUND])
def test_what_can_be_mended_is_read_and_flagged(
    here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, content: bytes, flag: str | None,
) -> None:  # fmt: skip
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["predict", "--model", f"{here}/model", "--table", str(tmp_path / name), "--json"])
    assert not stop.value.code
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert prediction["pkd"] is not None
    assert flag is None or flag in prediction["flags"]
