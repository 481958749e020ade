"""API keys: made once, shown once, kept as hashes.

A key holds 256 random bits, so a plain SHA-256 of it cannot be searched through, and slow hashes
add nothing. Comparison takes the same time wherever two keys differ.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final

from abag.errors import FileFormatError, OptionError
from abag.files import hold, read_json, write_json

LOCAL_USER: Final = "local"
"""Who asks where there are no keys: anybody on this machine."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_FILE: Final = "keys.json"


class Keys:
    """The keys of one data folder."""

    def __init__(self, data: Path) -> None:
        self._path = data / _FILE
        self._digests = self._read()

    def _read(self) -> dict[str, str]:
        content = read_json(self._path) if self._path.is_file() else {}
        if not isinstance(content, dict) or not all(
            isinstance(name, str) and isinstance(digest, str) and len(digest) == 64
            for name, digest in content.items()
        ):
            raise FileFormatError(f"{self._path} holds no keys; restore it from a backup")
        return content

    def __len__(self) -> int:
        return len(self._digests)

    def new(self, name: str) -> str:
        """Make a key for a new user and give it, this once.

        Raises:
            OptionError: the name is taken, or is none for a folder.
            BusyError: another process makes one.
        """
        if not _NAME.fullmatch(name) or name == LOCAL_USER:
            raise OptionError(
                f"--new-key {name!r}: a name has letters, digits, '.', '_' and '-', at most 40"
            )
        key = f"abag_{secrets.token_urlsafe(32)}"
        with hold(self._path.with_name(f".{_FILE}.lock"), self._path, "changed"):
            self._digests = self._read()  # another process may have made one meanwhile
            if name in self._digests:
                raise OptionError(
                    f"--new-key {name}: there is a key of this name; take another name"
                )
            self._digests[name] = _digest(key)
            write_json(self._path, self._digests)  # not sealed: people delete lines of it
            self._path.chmod(0o600)
        return key

    def user_of(self, key: str) -> str | None:
        """Whose key it is, or None; every known key is compared, so that time tells nothing."""
        digest, user = _digest(key), None
        for name, known in self._digests.items():
            if hmac.compare_digest(digest, known):
                user = name
        return user


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
