"""What an operator may set of the service; every field is an option of ``abag serve``."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from abag.errors import OptionError

_FROZEN: Final = ConfigDict(frozen=True, extra="forbid")
MEGABYTE: Final = 2**20


class ServiceSettings(BaseModel):
    """Where the service listens, where it keeps its files, and how much it takes on."""

    model_config = _FROZEN

    data: Path = Field(description="Folder for jobs, uploads, models, campaigns and keys.")
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    jobs_at_once: int = Field(1, ge=1, le=64, description="Jobs that run at the same time.")
    most_waiting: int = Field(50, ge=1, description="Waiting jobs of one user; more are refused.")
    job_minutes: float = Field(120.0, gt=0, description="Longest run of one job, minutes.")
    keep_days: float = Field(14.0, gt=0, description="Days that finished jobs are kept.")
    upload_megabytes: float = Field(32.0, gt=0, description="Largest upload, megabytes.")
    body_seconds: float = Field(
        20.0,
        gt=0,
        description="Seconds for headers to arrive, again for the body, one more for each 10 kB.",
    )
    store_megabytes: float = Field(2048.0, gt=0, description="Files of one user, megabytes.")
    requests_a_minute: int = Field(6_000, ge=1, description="Requests of one user a minute.")

    @property
    def upload_bytes(self) -> int:
        """Largest body of a request."""
        return int(self.upload_megabytes * MEGABYTE)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def require_guarded(self, keys: int) -> None:
        """Raise OptionError for an address that others reach while there is no key."""
        if not self.is_local and not keys:
            raise OptionError(
                f"--host {self.host} can be reached by others, and there is no API key in "
                f"{self.data}; make one with `abag serve --data {self.data} --new-key NAME`, or "
                "listen on 127.0.0.1"
            )
