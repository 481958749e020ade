"""Folders of the service: one for each user, with uploads, models, campaigns and jobs in it."""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import Final

from abag.errors import CampaignError, MissingFileError, OptionError
from abag.files import make_folder, recover_within

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()+-]{0,99}")


def require_name(name: str, kind: str) -> str:
    """Raise OptionError unless a text may be the name of one file or folder."""
    if not _NAME.fullmatch(name) or ".." in name or name != name.strip():
        raise OptionError(
            f"{kind} {name[:60]!r}: a name has letters, digits, blanks and . _ - ( ) +, begins "
            "with a letter or digit, and has at most 100 signs"
        )
    return name


class Places:
    """The folders of one user below the data folder."""

    def __init__(self, data: Path, user: str) -> None:
        self.root = data / "users" / user

    def _folder(self, kind: str) -> Path:
        folder = self.root / kind
        make_folder(folder)
        recover_within(folder)  # a model whose replacement a kill cut short is there again
        return folder

    def upload(self, name: str) -> tuple[str, Path]:
        """Id and place of a new upload; its own name stays, so that messages can name it."""
        ticket = secrets.token_hex(8)
        folder = self._folder("uploads") / ticket
        make_folder(folder)
        return ticket, folder / require_name(name, "the file")

    def uploaded(self, ticket: str) -> Path:
        """The file of an upload; raises MissingFileError."""
        folder = self._folder("uploads") / require_name(ticket, "the upload")
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        if not files:
            raise MissingFileError(f"there is no upload {ticket!r}; upload the file (again)")
        return files[0]

    def named(self, kind: str, name: str) -> Path:
        """Folder of a model or campaign, there or not."""
        return self._folder(f"{kind}s") / require_name(name, f"the {kind}")

    def existing(self, kind: str, name: str) -> Path:
        """Folder of a model or campaign that is there; raises MissingFileError."""
        folder = self.named(kind, name)
        if not folder.is_dir():
            names = ", ".join(self.all_of(kind)) or "none"
            raise MissingFileError(f"there is no {kind} {name!r}; there are: {names}")
        return folder

    def campaign_model(self, name: str) -> Path:
        """Folder of the newest model of a campaign; raises MissingFileError."""
        from abag.maturation.campaign.folder import MODEL, open_campaign

        folder = self.existing("campaign", name)
        try:
            return open_campaign(folder).measured.path_of(MODEL)
        except CampaignError:
            raise MissingFileError(f"the campaign {name!r} has learnt no model yet") from None

    def all_of(self, kind: str) -> list[str]:
        """Names of the models or campaigns."""
        return sorted(
            folder.name
            for folder in self._folder(f"{kind}s").iterdir()
            if folder.is_dir() and not folder.name.startswith(".")
            and not folder.name.endswith("-report")
        )  # fmt: skip

    def job(self, name: str) -> Path:
        """Folder of a job."""
        return self._folder("jobs") / name

    def bytes_used(self) -> int:
        """Size of all files of this user."""
        if not self.root.is_dir():
            return 0
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def remove_job(self, name: str) -> None:
        """Delete the files of a job."""
        shutil.rmtree(self.job(name), ignore_errors=True)

    def remove_upload(self, ticket: str) -> None:
        """Delete an upload."""
        folder = self._folder("uploads") / require_name(ticket, "the upload")
        shutil.rmtree(folder, ignore_errors=True)

    def remove_uploads(self, before: float) -> None:
        """Delete uploads that came before a time (seconds since 1970)."""
        for folder in self._folder("uploads").iterdir():
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)


def all_places(data: Path) -> list[Places]:
    """Folders of every user who has files."""
    root = data / "users"
    return [Places(data, folder.name) for folder in root.iterdir()] if root.is_dir() else []
