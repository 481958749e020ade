"""Runs queued jobs, each as a process of its own, and keeps what it prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from abag.apps.service.jobs import Job, JobState, JobStore
from abag.apps.service.places import Places, all_places
from abag.apps.service.problems import without_folders
from abag.apps.service.settings import ServiceSettings
from abag.apps.service.tasks import TASKS
from abag.errors import AbagError, FileFormatError, MissingFileError
from abag.files import make_folder, read_json
from abag.progress import PROGRESS_FILE

RESULT: Final = "result.json"
PROGRESS: Final = "progress.json"
_LOG: Final = "log.txt"
_PROMPT_SECONDS: Final = 5.0
_LOG_TAIL: Final = 4_000
_SWEEP_SECONDS: Final = 3_600.0


class Runner:
    """Threads that take jobs one after the other until they are told to stop."""

    def __init__(self, store: JobStore, settings: ServiceSettings) -> None:
        self._store, self._settings = store, settings
        self._wake, self._stop = threading.Event(), threading.Event()
        self._swept = -_SWEEP_SECONDS
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"job-{i}", daemon=True)
            for i in range(settings.jobs_at_once)
        ]

    def start(self) -> None:
        """Put back what a killed service left, then work."""
        for job in self._store.running():
            _end_process(job.pid)
            self._store.requeue(job.id)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def stop(self) -> None:
        """End the running processes; their jobs go back into the queue."""
        self._stop.set()
        self._wake.set()
        for name, process in list(self._processes.items()):
            _end(process)
            self._store.requeue(name)
        for thread in self._threads:
            thread.join(timeout=_PROMPT_SECONDS)

    def cancel(self, job: Job) -> None:
        """End a job at once; its files are gone when it had begun."""
        self._store.end(job.id, JobState.CANCELLED)
        if process := self._processes.get(job.id):
            _end(process)

    def _work(self) -> None:
        while not self._stop.is_set():
            job = self._store.take()
            if job is None:
                self._expire()
                self._wake.wait(timeout=1.0)
                self._wake.clear()
                continue
            self._run(job)

    def _run(self, job: Job) -> None:
        places = Places(self._settings.data, job.user)
        try:
            folder = places.job(job.id)
            places.remove_job(job.id)  # a job that was killed begins anew
            make_folder(folder)
            command = TASKS[job.kind].model_validate(job.request).command(places, folder)
        except AbagError as error:
            self._store.end(job.id, JobState.FAILED, str(error))
            return
        try:
            state, message = self._call(job, places, command)
        except OSError as error:  # a full disk, or the job was deleted meanwhile
            state, message = JobState.FAILED, f"the job cannot be run: {error.strerror}"
        if not self._stop.is_set():
            self._store.end(job.id, state, without_folders(message, self._settings.data))

    def _call(self, job: Job, places: Places, command: Sequence[str]) -> tuple[JobState, str]:
        """Run a command in the folder of its user, so that what it writes names no other."""
        folder = places.job(job.id)
        out, log = folder / f".{RESULT}", folder / _LOG
        arguments = [argument.replace(f"{places.root}/", "") for argument in command]
        progress = str((folder / PROGRESS).absolute())
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "abag", *arguments, "--json"],
                stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=places.root,
                env={**os.environ, PROGRESS_FILE: progress}, start_new_session=True,
            )  # fmt: skip
            self._processes[job.id] = process
            self._store.note_process(job.id, process.pid)
            if self._is_cancelled(job):  # before its process was known
                _end(process)
            try:
                code = process.wait(timeout=60.0 * self._settings.job_minutes)
            except subprocess.TimeoutExpired:
                _end(process)
                limit = f"it ran longer than {self._settings.job_minutes:g} minutes"
                return JobState.FAILED, f"{limit}; make it smaller, or ask the operator for more"
            finally:
                self._processes.pop(job.id, None)
        if code == 0:
            out.replace(folder / RESULT)
            return JobState.DONE, ""
        log_text = log.read_text("utf-8", "replace")[-_LOG_TAIL:]
        at = log_text.rfind("abag: error: ")
        return JobState.FAILED, log_text[at + 13 :].strip() if at >= 0 else (
            "the command ended without an answer; the operator finds it in the job's log"
        )

    def _is_cancelled(self, job: Job) -> bool:
        now = self._store.of_user(job.id, job.user)
        return now is None or now.state.is_over

    def _expire(self) -> None:
        before = time.time() - 86_400.0 * self._settings.keep_days
        expired = self._store.expired(before)
        for job in expired:
            self.remove(job)
        if not expired and time.monotonic() < self._swept + _SWEEP_SECONDS:
            return
        # Uploads that no job ever read.
        self._swept = time.monotonic()
        for places in all_places(self._settings.data):
            places.remove_uploads(before)

    def remove(self, job: Job) -> None:
        """Forget a job that is over, with its files and the upload that no other job reads."""
        places = Places(self._settings.data, job.user)
        places.remove_job(job.id)
        if ticket := self._store.forget(job):
            places.remove_upload(ticket)


def progress_of(folder: Path) -> dict[str, Any] | None:
    """Newest progress of a job; None where there is none yet."""
    with suppress(MissingFileError, FileFormatError, OSError):
        progress = read_json(folder / PROGRESS)
        return progress if isinstance(progress, dict) else None
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_PROMPT_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end_process(pid: int | None) -> None:
    """End what a killed service left running, if the number still belongs to a command of ours."""
    if pid is None:
        return
    with suppress(OSError):
        if b"abag" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.killpg(pid, signal.SIGKILL)
