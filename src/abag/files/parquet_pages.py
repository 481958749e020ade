"""Checks the counts and sizes in a Parquet file's footer and pages before polars reads it.

A page with a damaged count of values makes polars request more memory than there is, which ends the
process without an exception. Only the numbers of the footer and of the headers of pages are read
here (Thrift's compact protocol; field numbers from ``parquet.thrift``).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

_TAIL: Final = 8
"""Length of the footer and the mark ``PAR1``."""
_MOST_FOOTER: Final = 2**25
_MOST_DEPTH: Final = 16
_DICTIONARY: Final = 7
_COUNTED: Final = (5, _DICTIONARY, 8)
"""Fields of a page's header that hold its count of values: data, dictionary, data of version 2."""

_REPEATED: Final = 2
"""Repetition of an element of the schema that holds a list."""

Fields = dict[int, Any]


class _Thrift:
    """Structs of Thrift's compact protocol, read from offset ``at`` of a buffer."""

    def __init__(self, content: memoryview, at: int, end: int) -> None:
        self.content, self.at, self.end = content, at, end

    def _byte(self) -> int:
        if not 0 <= self.at < self.end:
            raise ValueError("it is cut short")
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number has too many bytes")

    def _number(self) -> int:
        zigzag = self._varint()
        return (zigzag >> 1) ^ -(zigzag & 1)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self._number()
        if kind in (3, 7, 8):
            length = {3: 1, 7: 8}.get(kind) or self._varint()
            self.at += length
            return None
        if kind in (9, 10):
            head = self._byte()
            size = self._varint() if head >> 4 == 15 else head >> 4
            kind = head & 15
            # The members of a list of yes and no take a byte each.
            return [self._value(3 if kind in (1, 2) else kind, depth) for _ in range(size)]
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"it has a field of type {kind}")

    def struct(self, depth: int = 0) -> Fields:
        """Numbers, lists and structs by field; texts are None."""
        if depth > _MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        fields: Fields = {}
        name = 0
        while head := self._byte():
            name = name + (head >> 4) if head >> 4 else self._number()
            fields[name] = self._value(head & 15, depth)
        return fields


def require_sound_pages(content: memoryview) -> None:
    """Raise ValueError where counts or offsets of pages contradict each other."""
    start = len(content) - _TAIL - int.from_bytes(content[-_TAIL:-4], "little")
    if bytes(content[-4:]) != b"PAR1" or not 4 <= start < len(content) - _TAIL:
        raise ValueError("it has no footer")
    if len(content) - start > _MOST_FOOTER:
        raise ValueError("its footer is too long")
    try:
        _require_sound(content, start)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("its footer is damaged") from None


def require_sound_file(path: Path) -> None:
    """:func:`require_sound_pages` of a file on disk, checked once and not read as a whole."""
    status = path.stat()
    _require_sound_once(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _require_sound_once(path: Path, size: int, changed_ns: int) -> None:
    del size, changed_ns  # the file is checked again where they differ
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        require_sound_pages(view)


def _require_sound(content: memoryview, footer_start: int) -> None:
    metadata = _Thrift(content, footer_start, len(content) - _TAIL).struct()
    groups = metadata[4]
    lists = any(element.get(3) == _REPEATED for element in metadata[2])
    if min((group[3] for group in groups), default=0) < 0:
        raise ValueError("a group has a negative count of rows")
    if sum(group[3] for group in groups) != metadata[3]:
        raise ValueError("the rows of its groups are not those of the file")
    for group in groups:
        for column in group[1]:
            chunk, n_values = column[3], 0
            for field, values in _values_of_pages(content, chunk, footer_start):
                if not 0 <= values <= chunk[5]:
                    raise ValueError("a page says that it holds more values than its column")
                n_values += values * (field != _DICTIONARY)
            # A column of single values, none of them in lists, has one a row, missing ones too.
            if n_values != chunk[5] or (len(chunk[3]) == 1 and not lists and n_values != group[3]):
                raise ValueError("the pages of a column do not hold the values of its rows")


def _values_of_pages(
    content: memoryview, chunk: Fields, footer_start: int
) -> Iterator[tuple[int, int]]:
    """Kind (a field of its header) and count of values of each page of a chunk."""
    if chunk[5] == 0:  # a table without rows has no pages, and their places mean nothing
        return
    at = min(chunk[9], chunk.get(11) or chunk[9])
    end = at + chunk[7]
    if not 4 <= at <= end <= footer_start or chunk[5] < 0:
        raise ValueError("a column lies outside of the file")
    while at < end:
        reader = _Thrift(content, at, end)
        header = reader.struct()
        packed, plain = header[3], header[2]
        at = reader.at + packed
        if packed < 0 or plain < 0 or at > end:
            raise ValueError("a page lies outside of its column")
        yield from ((field, header[field][1]) for field in _COUNTED if field in header)
