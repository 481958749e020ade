"""The kind of a user's file by its first bytes, its encoding, and bytes that it must not hold."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from abag.errors import FileFormatError, OptionError, Problem, TableError
from abag.files import read_bytes, require_file, unpacked
from abag.files.reading import GZIP_MARK, opened

_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "an Excel (.xlsx), Numbers or zip file; save the sheet as CSV UTF-8"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel (.xls) or Word file; save the sheet as .xlsx or CSV UTF-8",
    ),
    (b"%PDF", "a PDF; abag reads tables, FASTA, AIRR and PDB or mmCIF files"),
    (b"BZh", "a bzip2 file; unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "an xz file; unpack it, or pack it with gzip"),
    (b"(\xb5/\xfd", "a Zstandard file; unpack it, or pack it with gzip"),
)
_WIDE_MARKS: Final = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_UTF8_MEND: Final = "Save the file again as UTF-8"
_NAME_IT: Final = f"{_UTF8_MEND}, or name its encoding (--map encoding:={{}})"
PARQUET_MARK: Final = b"PAR1"
_HEAD_BYTES: Final = 20_000

_REGIONS: Final = ("fwr1", "cdr1", "fwr2", "cdr2", "fwr3", "cdr3", "fwr4")
AIRR_REGIONS: Final = tuple(f"{name}_aa" for name in _REGIONS)
"""AIRR's fields of the residues of each region."""
_OTHER_NAMES: Final = {
    "barcode": "cell_id", "contig_id": "sequence_id", "chain": "locus", "v_gene": "v_call",
    "c_gene": "c_call", "umis": "umi_count",
    **{name: f"{name}_aa" for name in _REGIONS},
}  # fmt: skip
"""Cell Ranger's names of AIRR fields (its ``fwr1`` holds residues, ``fwr1_nt`` bases)."""


class FileKind(StrEnum):
    """Kinds of a user's file, by its content."""

    TABLE = "table"
    FASTA = "FASTA"
    AIRR = "AIRR rearrangements"
    STRUCTURE = "structure"


def file_kind(path: Path) -> FileKind:
    """The kind of a file, by its content and not by its name."""
    return kind_of_head(_head(path))


def kind_of_head(head: bytes) -> FileKind:
    """The kind of a file with these first bytes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith((b">", b";")):
        return FileKind.FASTA
    if is_structure(head):
        return FileKind.STRUCTURE
    header = head.splitlines()[0].decode("utf-8", "replace") if head else ""
    for delimiter in ("\t", ",", ";"):
        if _is_airr([name.strip(' "') for name in header.split(delimiter)]):
            return FileKind.AIRR
    return FileKind.TABLE


def _head(path: Path) -> bytes:
    require_file(path)
    with opened(path) as stream:
        packed = stream.read(2) == GZIP_MARK
        stream.seek(0)
        return (unpacked(path, stream) if packed else stream).read(_HEAD_BYTES)


def is_structure(content: bytes) -> bool:
    """Whether a file's bytes begin like PDB or mmCIF."""
    for line in content[:20_000].splitlines():
        words = line.split(maxsplit=1)
        if not words or words[0].startswith(b"#"):
            continue
        if words[0].lower().startswith(b"data_"):
            return True
        records = (b"HEADER", b"ATOM", b"HETATM", b"CRYST1", b"REMARK", b"SEQRES", b"TITLE",
                   b"MODEL", b"COMPND")  # fmt: skip
        return line[:6].rstrip(b" ") in records and line[6:7] not in (b",", b";", b"\t", b"|")
    return False


def _is_airr(columns: Iterable[str]) -> bool:
    """Whether these are the columns of a rearrangement table or a 10x contig table."""
    names = set(airr_names(list(columns)).values())
    paired = "v_call" in names or ("locus" in names and bool(names & {"cell_id", "clone_id"}))
    return (
        "sequence_id" in names
        and paired
        and bool(
            names & {"sequence_alignment_aa", "sequence_aa", AIRR_REGIONS[0], "productive", "locus"}
        )
    )


def airr_names(columns: Sequence[str]) -> dict[str, str]:
    """AIRR's name of each column; a name that the table has already is not given twice."""
    lower = {name: name.strip().lower() for name in columns}
    present = set(lower.values())
    is_contig_table = "contig_id" in present
    names: dict[str, str] = {}
    for name, spelt in lower.items():
        usual = _OTHER_NAMES.get(spelt, spelt) if is_contig_table or spelt == "barcode" else spelt
        names[name] = spelt if usual != spelt and usual in present else usual
    return names if len(set(names.values())) == len(names) else {name: name for name in columns}


def decode(
    path: Path, content: bytes, encoding: str | None = None, *, can_be_named: bool = True
) -> str:
    """Text of ``content`` in UTF-8 (or in ``encoding``), without a byte order mark.

    ``can_be_named`` says whether a user can name the encoding, as of a table.

    Raises :class:`FileFormatError` for another kind of file or nothing at all, and
    :class:`TableError` with every line that holds a NUL or bytes which are not UTF-8.
    """
    for mark, description in _FOREIGN:
        if content.startswith(mark):
            raise FileFormatError(f"{path} is {description}")
    if content.startswith(PARQUET_MARK):
        raise FileFormatError(f"{path} is a Parquet file; a text file is wanted here")
    if encoding is not None:
        return _decode_as(path, content, encoding)
    for mark, encoding in _WIDE_MARKS.items():
        if content.startswith(mark):
            mend = _NAME_IT.format(encoding.lower()) if can_be_named else _UTF8_MEND
            raise FileFormatError(f"{path} is encoded in {encoding}. {mend}")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise FileFormatError(f"{path} is empty")
    _refuse_nul(path, content, can_be_named)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise TableError(
            path, list(_undecodable(content)), _encoding_advice(content, can_be_named)
        ) from None


def _encoding_advice(content: bytes, can_be_named: bool) -> str:
    """Advice for bytes that are not UTF-8."""
    if not can_be_named:
        return f"{_UTF8_MEND}."
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return f"{_NAME_IT.format('NAME')}, such as shift_jis, gb18030 or mac_roman."
    return f"{_NAME_IT.format('cp1252')}."


def _decode_as(path: Path, content: bytes, encoding: str) -> str:
    """The text in the encoding that a user names; bytes that do not fit are refused."""
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise OptionError(f"unknown encoding {encoding!r}; cp1252 is that of Windows") from None
    except UnicodeError as error:
        raise FileFormatError(f"{path} is not in the encoding {encoding} ({error})") from None


def read_text(path: Path) -> str:
    """Text of a plain or gzip file; :func:`decode` names the refused ones."""
    return decode(path, read_bytes(path), can_be_named=False)


def text_lines(text: str) -> io.StringIO:
    """Physical lines with their ends; LF, CR LF and CR all end a line, nothing else does."""
    return io.StringIO(text, newline="")


def _byte_lines(content: bytes) -> list[bytes]:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def _refuse_nul(path: Path, content: bytes, can_be_named: bool) -> None:
    if b"\x00" not in content:
        return
    if content.count(b"\x00") * 3 > len(content):
        order = "be" if content[::2].count(0) > content[1::2].count(0) else "le"
        mend = _NAME_IT.format(f"utf-16-{order}") if can_be_named else _UTF8_MEND
        raise FileFormatError(
            f"{path} holds a NUL in every other byte: it is encoded in UTF-16. {mend}"
        )
    problems = [
        Problem(number, None, f"a NUL character stands at byte {line.index(0) + 1} of the line")
        for number, line in enumerate(_byte_lines(content), start=1)
        if b"\x00" in line
    ]
    raise TableError(path, problems, "The file is damaged or not text; write it again.")


def _undecodable(content: bytes) -> Iterator[Problem]:
    for number, line in enumerate(_byte_lines(content), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            yield Problem(
                number,
                None,
                f"byte 0x{byte:02x} at place {error.start + 1} of the line is not UTF-8"
                f" ({bytes([byte]).decode('cp1252', 'replace')!r} in Windows-1252)",
            )
