"""The text of a user's file: what it is encoded in, and what it must not hold."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from abag.errors import FileFormatError, OptionError, Problem, TableError
from abag.files import read_bytes

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


def decode(
    path: Path, content: bytes, encoding: str | None = None, *, can_be_named: bool = True
) -> str:
    """UTF-8 text of ``content`` (or in the encoding that is named), without a byte order mark.

    ``can_be_named`` says whether a user can name the encoding, as of a table.

    Raises :class:`FileFormatError` for another kind of file or nothing at all, and
    :class:`TableError` with every line that holds a NUL or bytes which are not UTF-8.
    """
    for mark, what in _FOREIGN:
        if content.startswith(mark):
            raise FileFormatError(f"{path} is {what}")
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
        raise TableError(path, list(_undecodable(content)), _mend(content, can_be_named)) from None


def _mend(content: bytes, can_be_named: bool) -> str:
    """What can be done of bytes that are not UTF-8."""
    if not can_be_named:
        return f"{_UTF8_MEND}."
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return f"{_NAME_IT.format('NAME')}, such as shift_jis, gb18030 or mac_roman."
    return f"{_NAME_IT.format('cp1252')}."


def _decode_as(path: Path, content: bytes, encoding: str) -> str:
    """The text in the encoding that a user names; what does not fit is refused."""
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise OptionError(f"unknown encoding {encoding!r}; cp1252 is that of Windows") from None
    except UnicodeError as error:
        raise FileFormatError(f"{path} is not in the encoding {encoding} ({error})") from None


def read_text(path: Path) -> str:
    """Text of a plain or gzip file; see :func:`decode` for what is refused."""
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
