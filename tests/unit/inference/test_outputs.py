from pathlib import Path

import polars as pl
import pytest

from abag.errors import OptionError
from abag.inference.outputs import COLUMNS, Shown, format_kd, write_predictions

FRAME = pl.DataFrame(
    {name: [None] for name in COLUMNS} | {"row": [2], "pkd": [8.5], "flags": [["a", "b"]]},
    schema=COLUMNS,
)


@pytest.mark.parametrize(
    ("kd_molar", "text"),
    [
        (3.16e-9, "3.2 nM"), (1e-9, "1.0 nM"), (4.6e-10, "460 pM"), (9.96e-10, "1.0 nM"),
        (1.23e-7, "120 nM"), (5e-6, "5.0 uM"), (2e-3, "2.0 mM"), (1.0, "1.0 M"), (250.0, "250 M"),
        (3e-16, "0.3 fM"), (1.5e-14, "15 fM"),
    ],
)  # fmt: skip
def test_a_kd_is_written_with_the_unit_that_suits_it(kd_molar: float, text: str) -> None:
    assert format_kd(kd_molar) == text


def test_csv_joins_the_flags(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", FRAME)
    back = pl.read_csv(tmp_path / "p.csv")
    assert back["flags"].to_list() == ["a;b"]
    assert back.columns == list(COLUMNS)


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", FRAME)
    assert dict(pl.read_parquet(tmp_path / "p.parquet").schema) == COLUMNS


@pytest.mark.parametrize("name", ["p.txt", "p", "p.xls"])
def test_another_ending_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=r"\.csv, \.xlsx or \.parquet"):
        write_predictions(tmp_path / name, FRAME)
    assert list(tmp_path.iterdir()) == []


def test_the_best_rows_with_the_tables_own_columns() -> None:
    made = pl.DataFrame({"row": [2, 3, 4], "pkd": [8.0, None, 9.0], "flags": [[], [], []]})
    own = pl.DataFrame({"source_row": [2, 3, 4], "note": ["a", "b", "c"], "pkd": ["1", "2", "3"]})
    best = Shown(keep_columns=True, top=2).of(made, own)
    assert best.select("row", "pkd", "note", "pkd_given").rows() == [
        (4, 9.0, "c", "3"), (2, 8.0, "a", "1"),
    ]  # fmt: skip
    assert Shown(sort="row").of(made, None)["row"].to_list() == [4, 3, 2]
    with pytest.raises(OptionError, match="--sort kd: there is no such column"):
        Shown(sort="kd").of(made, None)
    with pytest.raises(OptionError, match="--top 0"):
        Shown(top=0).of(made, None)
