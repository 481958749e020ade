"""Jobs in SQLite: queued, running, done, failed, cancelled; whole after a kill of anything."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from abag.errors import OptionError

_SCHEMA: Final = """
create table if not exists jobs (
    id text primary key, user text not null, kind text not null, request text not null,
    state text not null, created real not null, started real, ended real,
    message text not null default '', pid integer
);
create index if not exists jobs_by_state on jobs (state, created);
create index if not exists jobs_by_user on jobs (user, created);
"""


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands. Times are seconds since 1970."""

    id: str
    user: str
    kind: str
    request: dict[str, Any]
    state: JobState
    created: float
    started: float | None
    ended: float | None
    message: str
    """What went wrong, in the words of the command."""
    pid: int | None

    @classmethod
    def of(cls, row: sqlite3.Row) -> Self:
        """A job of a row of the table."""
        values = dict(row)
        values["request"] = json.loads(values["request"])
        values["state"] = JobState(values["state"])
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """What its owner sees."""
        shown = asdict(self)
        for name in ("user", "pid"):
            del shown[name]
        return shown


class JobStore:
    """The table of jobs; every change is one transaction, and survives a kill."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        with self._writing():
            self._connection.executescript(_SCHEMA)
            self._connection.execute("pragma journal_mode=wal")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    def add(self, user: str, kind: str, request: dict[str, Any], most_waiting: int) -> Job:
        """Queue a job.

        Raises:
            OptionError: this user has too many waiting already.
        """
        with self._writing() as connection:
            (waiting,) = connection.execute(
                "select count(*) from jobs where user = ? and state in ('queued', 'running')",
                (user,),
            ).fetchone()
            if waiting >= most_waiting:
                raise OptionError(
                    f"{waiting} jobs wait already, {most_waiting} are allowed; wait, or cancel some"
                )
            name = secrets.token_urlsafe(12).replace("-", "a").replace("_", "b")
            connection.execute(
                "insert into jobs (id, user, kind, request, state, created) values (?,?,?,?,?,?)",
                (name, user, kind, json.dumps(request), JobState.QUEUED, time.time()),
            )
        return self.of_user(name, user)  # type: ignore[return-value]

    def of_user(self, name: str, user: str) -> Job | None:
        """A job of this user; None for a job of another."""
        with self._writing() as connection:
            row = connection.execute(
                "select * from jobs where id = ? and user = ?", (name, user)
            ).fetchone()
        return None if row is None else Job.of(row)

    def all_of(self, user: str, most: int = 200) -> list[Job]:
        """Jobs of a user, newest first."""
        with self._writing() as connection:
            rows = connection.execute(
                "select * from jobs where user = ? order by created desc limit ?", (user, most)
            ).fetchall()
        return [Job.of(row) for row in rows]

    def take(self) -> Job | None:
        """Mark the oldest queued job as running and give it."""
        with self._writing() as connection:
            row = connection.execute(
                "update jobs set state = 'running', started = ? where id = (select id from jobs "
                "where state = 'queued' order by created limit 1) returning *",
                (time.time(),),
            ).fetchone()
        return None if row is None else Job.of(row)

    def note_process(self, name: str, pid: int) -> None:
        """Remember the process of a running job."""
        with self._writing() as connection:
            connection.execute("update jobs set pid = ? where id = ?", (pid, name))

    def end(self, name: str, state: JobState, message: str = "") -> None:
        """Close a job; one that is over stays as it is."""
        with self._writing() as connection:
            connection.execute(
                "update jobs set state = ?, ended = ?, message = ?, pid = null "
                "where id = ? and state in ('queued', 'running')",
                (state, time.time(), message, name),
            )

    def running(self) -> list[Job]:
        """Jobs marked as running."""
        with self._writing() as connection:
            rows = connection.execute("select * from jobs where state = 'running'").fetchall()
        return [Job.of(row) for row in rows]

    def requeue(self, name: str) -> None:
        """Put a running job whose process is gone back into the queue, in its old place."""
        with self._writing() as connection:
            connection.execute(
                "update jobs set state = 'queued', started = null, pid = null where id = ?", (name,)
            )

    def expired(self, before: float) -> list[Job]:
        """Jobs that ended before a time."""
        with self._writing() as connection:
            rows = connection.execute("select * from jobs where ended < ?", (before,)).fetchall()
        return [Job.of(row) for row in rows]

    def forget(self, job: Job) -> str | None:
        """Take a job out of the table; gives its upload where no other job of the user reads it."""
        file = job.request.get("file")
        with self._writing() as connection:
            connection.execute("delete from jobs where id = ?", (job.id,))
            (others,) = connection.execute(
                "select count(*) from jobs where user = ? and json_extract(request, '$.file') = ?",
                (job.user, file),
            ).fetchone()
        return None if others else file

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
