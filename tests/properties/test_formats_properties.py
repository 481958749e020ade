"""Whatever is written as a table or as FASTA is read back, and mappings fail in words."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st

from abag.data.formats import (
    ColumnMapping,
    mapping_from_texts,
    raw_table_from_user,
    read_antibodies,
    read_fasta,
    read_table,
)
from abag.data.formats.headers import read_value_header
from abag.errors import AbagError, OptionError, TableError
from abag.units import UNITS, Dimension, parse_unit

T = TypeVar("T")
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), max_size=12
)
NAMES = st.lists(
    st.text("abcXYZ0189_ ()µΔ", min_size=1, max_size=8).map(str.strip).filter(bool),
    min_size=2,
    max_size=5,
    unique=True,
)
SEQUENCE = st.text(LETTERS, min_size=1, max_size=90)


@contextmanager
def written(content: bytes, name: str = "mine.csv") -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def outcome(call: Callable[[], T]) -> T | AbagError:
    """What a call returns, or the user's error that it raises; any other error is a failure."""
    try:
        return call()
    except AbagError as error:
        return error


def lines_of(text: str) -> int:
    """Line ends of all three kinds, counted without the reader."""
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


@given(
    names=NAMES,
    data=st.data(),
    delimiter=st.sampled_from(",\t;|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    packed=st.booleans(),
)
def test_a_written_table_is_read_back_cell_for_cell(
    names: list[str], data: st.DataObject, delimiter: str, end: str, packed: bool
) -> None:
    row = st.lists(TEXT, min_size=len(names), max_size=len(names))
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    assume(any(cell.strip() for row in rows for cell in row))
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    starts = []
    for record in [names, *rows]:
        starts.append(lines_of(stream.getvalue()) + 1)
        writer.writerow(record)
    content = stream.getvalue().encode()
    with written(gzip.compress(content) if packed else content) as path:
        table = read_table(path)
    # A record of empty cells alone is no row.
    kept = [place for place, row in enumerate(rows) if any(cell.strip() for cell in row)]
    assert table.columns == ["source_row", *names]
    assert table["source_row"].to_list() == [starts[place + 1] for place in kept]
    expected = [[cell or None for cell in rows[place]] for place in kept]
    assert [list(r[1:]) for r in table.rows()] == expected


@given(content=st.binary(max_size=400))
def test_any_bytes_give_a_table_or_an_error_in_words(content: bytes) -> None:
    with written(content) as path:
        found = outcome(lambda: read_table(path))
    if isinstance(found, AbagError):
        assert "mine.csv" in str(found)
    else:
        assert found.height > 0
        assert found.columns[0] == "source_row"


@given(
    names=NAMES,
    rows=st.lists(st.integers(1, 7), min_size=1, max_size=8),
)
def test_ragged_rows_are_exactly_those_of_another_width(names: list[str], rows: list[int]) -> None:
    lines = [",".join(names)] + [",".join("x" * width) for width in rows]
    wrong = [line for line, width in enumerate(rows, start=2) if width != len(names)]
    with written("\n".join(lines).encode()) as path:
        found = outcome(lambda: read_table(path))
    named = [p.row for p in found.problems] if isinstance(found, TableError) else []
    assert named == wrong


@given(
    records=st.dictionaries(
        st.text("abcXYZ019_|-.", min_size=1, max_size=10),
        st.tuples(SEQUENCE, st.text("abc ", max_size=5)),
        min_size=1,
        max_size=6,
    ),
    width=st.integers(1, 80),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_written_fasta_is_read_back(
    records: dict[str, tuple[str, str]], width: int, end: str
) -> None:
    lines: list[str] = []
    headers = []
    for name, (sequence, comment) in records.items():
        headers.append((len(lines) + 1, f"{name} {comment}".strip()))
        lines.append(f">{name} {comment}")
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    with written(end.join(lines).encode(), "mine.fasta") as path:
        read = read_fasta(path)
    assert [(r.line, r.header) for r in read] == headers
    assert [r.sequence for r in read] == [sequence for sequence, _ in records.values()]


@given(
    pairs=st.dictionaries(
        st.text("abcdefXYZ012", min_size=1, max_size=6),
        st.tuples(SEQUENCE, st.none() | SEQUENCE),
        min_size=1,
        max_size=5,
    ),
    data=st.data(),
)
def test_pairs_are_found_in_whatever_order_their_chains_stand(
    pairs: dict[str, tuple[str, str | None]], data: st.DataObject
) -> None:
    records = [f">{n}_H\n{heavy}\n" for n, (heavy, _) in pairs.items()]
    records += [f">{n}|light\n{light}\n" for n, (_, light) in pairs.items() if light]
    shuffled = data.draw(st.permutations(records))
    with written("".join(shuffled).encode(), "mine.fasta") as path:
        found = {a.name: (a.heavy, a.light) for a in read_antibodies(path)}
    assert found == pairs


@given(name=st.text("abcdefghij_", min_size=1, max_size=12), column=TEXT)
def test_a_mapping_is_taken_or_refused_as_an_option(name: str, column: str) -> None:
    found = outcome(lambda: mapping_from_texts([f"{name}={column}"]))
    if isinstance(found, ColumnMapping):
        assert found.columns() or found.ignore
    else:
        assert isinstance(found, OptionError)
        assert repr(f"{name}={column}") in str(found)


@given(column=st.text("ABCdef123 ", min_size=1, max_size=10).map(str.strip).filter(bool))
def test_a_mapped_column_that_is_not_there_is_named(column: str) -> None:
    assume(column not in ("heavy", "antigen", "pKd"))
    with written(b"heavy,antigen,pKd\nEVQLVESGGGLV,TQVCTGTDMKLR,8\n") as path:
        found = outcome(lambda: raw_table_from_user(path, ColumnMapping(heavy=column)))
    assert isinstance(found, TableError)
    assert [problem.column for problem in found.problems] == [column]


@given(
    unit=st.sampled_from([u for u in UNITS.values() if u.dimension is Dimension.MOLAR]),
    form=st.sampled_from(["KD ({})", "KD[{}]", "Kd / {}", "KD_{}", "kd {}", "KD, {}"]),
)
def test_every_molar_unit_is_read_from_every_form_of_header(unit: object, form: str) -> None:
    name = unit.name  # type: ignore[attr-defined]
    header = read_value_header(form.format(name))
    assert header is not None
    assert header.unit is not None
    assert parse_unit(header.unit) == unit


@given(values=st.lists(TEXT, min_size=1, max_size=6))
def test_no_row_of_a_users_table_is_lost(values: list[str]) -> None:
    frame = pl.DataFrame(
        {
            "heavy": ["EVQLVESGGGLV"] * len(values),
            "antigen": ["TQVCTGTDMKLR"] * len(values),
            "KD (nM)": values,
        }
    )
    stream = io.BytesIO()
    frame.write_parquet(stream)
    with written(stream.getvalue(), "mine.parquet") as path:
        raw = raw_table_from_user(path)
    assert raw.frame["value"].to_list() == [value or None for value in values]
    assert raw.frame["source_row"].to_list() == list(range(2, len(values) + 2))
