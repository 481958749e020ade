import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from abag.errors import AbagError, FileFormatError, TableError
from abag.inference import streaming, tables
from abag.inference.predictor import Predictor
from abag.inference.tables import PredictedFile, predict_file
from abag.model.baselines.kmer_ridge import KmerRidge
from synthetic_pairs import HEAVY, complexes_table

TABLE = complexes_table(50)
Write = Callable[[Path], Path]


def user_table() -> pl.DataFrame:
    names = [f'clone "{i}"\nround 2' if i % 7 == 3 else f"clone {i}" for i in range(TABLE.height)]
    return TABLE.select(
        pl.Series("name", names), "heavy", "light", pl.col("antigen").list.join("|")
    )


def as_csv(folder: Path) -> Path:
    user_table().write_csv(folder / "pairs.csv")
    return folder / "pairs.csv"


def as_gzip(folder: Path) -> Path:
    content = "\n\n" + user_table().write_csv()
    (folder / "pairs.csv.gz").write_bytes(gzip.compress(content.encode(), mtime=0))
    return folder / "pairs.csv.gz"


def as_parquet(folder: Path) -> Path:
    user_table().write_parquet(folder / "pairs.parquet")
    return folder / "pairs.parquet"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    KmerRidge().fit(TABLE).save(folder)
    return folder


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "STREAM_BYTES", 1)
    monkeypatch.setattr(tables, "pieces_of", lambda path: streaming.pieces_of(path, rows=8))


@pytest.mark.parametrize("write", [as_csv, as_gzip, as_parquet])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_streamed_table_gives_what_a_whole_one_gives(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, ending: str
) -> None:
    pairs = write(tmp_path)
    whole = predict_file(model, pairs, tmp_path / f"whole.{ending}")
    monkeypatch.setattr(tables, "STREAM_BYTES", 1)
    monkeypatch.setattr(tables, "pieces_of", lambda path: streaming.pieces_of(path, rows=8))
    streamed = predict_file(model, pairs, tmp_path / f"streamed.{ending}")
    assert (streamed.rows, streamed.problems) == (whole.rows, 0)
    read = pl.read_csv if ending == "csv" else pl.read_parquet
    assert read(tmp_path / f"streamed.{ending}").equals(read(tmp_path / f"whole.{ending}"))


def faulty(folder: Path) -> Path:
    lines = ["heavy,antigen", *[f"{HEAVY},MKTAYIAKQR"] * 40]
    lines[5] = "EVQ1,MKTAYIAKQR"
    lines[33] = f"{HEAVY},MK*T"
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


@pytest.mark.usefixtures("in_pieces")
def test_faults_of_all_pieces_are_named_with_their_lines_and_nothing_is_written(
    model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "p.csv"
    with pytest.raises(TableError) as caught:
        predict_file(model, faulty(tmp_path), out)
    assert [problem.row for problem in caught.value.problems] == [6, 34]
    assert str(caught.value).startswith(str(tmp_path / "pairs.csv"))
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]


@pytest.mark.usefixtures("in_pieces")
def test_faulty_rows_of_a_stream_keep_their_place(model: Path, tmp_path: Path) -> None:
    done = predict_file(model, faulty(tmp_path), tmp_path / "p.csv", keep_going=True)
    assert (done.rows, done.problems, done.predicted) == (40, 2, 38)
    found = pl.read_csv(tmp_path / "p.csv")
    assert found.filter(pl.col("pkd").is_null())["row"].to_list() == [6, 34]
    assert found["row"].to_list() == list(range(2, 42))


@pytest.mark.usefixtures("in_pieces")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"heavy,target\nEVQ,MKT\n", TableError),
        (b"heavy,antigen\n" + b"EVQ,MKT,extra\n" * 20, TableError),
        (gzip.compress(b"heavy,antigen\n" + b"EVQ,MKT\n" * 5000, mtime=0)[:60], FileFormatError),
        (b"PAR1" + b"x" * 100, FileFormatError),
    ],
)
def test_errors_of_a_stream_name_the_users_file(
    model: Path, tmp_path: Path, content: bytes, kind: type[AbagError]
) -> None:
    (tmp_path / "pairs.csv").write_bytes(content)
    with pytest.raises(kind) as caught:
        predict_file(model, tmp_path / "pairs.csv", tmp_path / "p.csv")
    assert str(tmp_path / "pairs.csv") in str(caught.value)
    assert not (tmp_path / "p.csv").exists()


def test_a_piece_never_cuts_a_quoted_cell(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'a,b\n1,"x\ny\nz"\n2,w\n3,"v\n"\n')
    with streaming.pieces_of(tmp_path / "t.csv", rows=2) as pieces:
        found = [(piece.path.read_bytes(), piece.offset) for piece in pieces]
    assert found == [
        (b'a,b\n1,"x\ny\nz"\n', 0),
        (b'a,b\n2,w\n3,"v\n"\n', 3),
    ]


def test_no_table_is_large_by_accident(model: Path, tmp_path: Path) -> None:
    done: PredictedFile = predict_file(model, as_csv(tmp_path), tmp_path / "p.csv")
    assert done.predictions.height == done.rows == 50


def test_a_stopped_prediction_goes_on_and_ends_with_the_same_bytes(
    model: Path, tmp_path: Path, in_pieces: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_csv(tmp_path)
    predict_file(model, path, tmp_path / "whole.csv")
    asked = 0

    def stopped(predictor: Predictor, *arguments: object, **named: object) -> pl.DataFrame:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise KeyboardInterrupt
        return own(predictor, *arguments, **named)  # type: ignore[arg-type]

    own = Predictor.predict_table
    with monkeypatch.context() as patched:
        patched.setattr(Predictor, "predict_table", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, path, tmp_path / "out.csv")
    assert asked == 3
    assert not (tmp_path / "out.csv").exists()
    predict_file(model, path, tmp_path / "out.csv", resume=True)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
