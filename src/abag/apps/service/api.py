"""The REST interface: short questions answered at once, long work as jobs."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import anyio
from fastapi import Body, Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from abag.apps.service import answers
from abag.apps.service.answers import (
    ColumnsRequest,
    FileRequest,
    NumberRequest,
    PairRequest,
)
from abag.apps.service.guards import Guard
from abag.apps.service.jobs import Job, JobState, JobStore
from abag.apps.service.keys import Keys
from abag.apps.service.places import Places
from abag.apps.service.problems import ProblemDetails, answer_errors, describe_errors
from abag.apps.service.runner import RESULT, Runner, progress_of
from abag.apps.service.settings import ServiceSettings
from abag.apps.service.tasks import TASKS, JobTask
from abag.errors import OptionError
from abag.files import make_folder
from abag.version import VERSION

T = TypeVar("T")
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": ProblemDetails, "description": text}
    for code, text in {
        400: "the request cannot be read", 401: "no valid key", 404: "not there",
        408: "too slow", 409: "not in this state", 413: "too large", 421: "not this host",
        422: "what was sent cannot be used", 429: "too many requests",
    }.items()
}  # fmt: skip


class Service:
    """What the routes share."""

    def __init__(self, settings: ServiceSettings) -> None:
        make_folder(settings.data)
        self.settings = settings
        self.keys = Keys(settings.data)
        settings.require_guarded(len(self.keys))
        self.jobs = JobStore(settings.data / "jobs.sqlite")
        self.runner = Runner(self.jobs, settings)
        # Predictions use cores: more at a time than there are cores only take memory.
        self.cores = anyio.CapacityLimiter(os.cpu_count() or 1)

    def places(self, user: str) -> Places:
        """The folders of a user."""
        return Places(self.settings.data, user)

    def job(self, name: str, user: str) -> Job:
        """A job of this user; 404 for any other."""
        job = self.jobs.of_user(name, user)
        if job is None:
            raise HTTPException(404, f"there is no job {name!r}")
        return job

    def shown(self, job: Job) -> dict[str, Any]:
        """A job as its owner sees it, with its progress and files."""
        folder = self.places(job.user).job(job.id)
        progress = progress_of(folder) if job.state is JobState.RUNNING else None
        return {**job.as_json(), "progress": progress, "files": files_of(folder)}


def make_app(settings: ServiceSettings) -> FastAPI:
    """The application; starting it starts the workers."""
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.runner.start()
        yield
        await anyio.to_thread.run_sync(service.runner.stop)
        service.jobs.close()

    app = FastAPI(
        title="abag", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="pKd of antibody-antigen pairs, with intervals and verdicts.",
        responses=_ERRORS,
    )  # fmt: skip
    answer_errors(app, settings.data)
    app.state.service = service
    _add_questions(app, service)
    _add_uploads(app, service)
    _add_jobs(app, service)
    _add_shelves(app, service)
    page = Path(str(files("abag"))) / "resources" / "page"
    app.mount("/page", StaticFiles(directory=page), name="page")

    @app.get("/", include_in_schema=False)
    async def front() -> FileResponse:
        return FileResponse(page / "index.html")

    app.add_middleware(Guard, settings=settings, keys=service.keys)
    describe = app.openapi
    app.openapi = lambda: describe_errors(describe())  # type: ignore[method-assign]
    return app


def user_of(request: Request) -> str:
    """Name of the user, which the guard took from the key."""
    user: str = request.state.user
    return user


User = Annotated[str, Depends(user_of)]


async def in_thread(work: Callable[[], T], limiter: anyio.CapacityLimiter | None = None) -> T:
    """Run what computes beside the loop, so that other requests are heard."""
    return await anyio.to_thread.run_sync(work, limiter=limiter)


def exact_json(content: dict[str, Any]) -> Response:
    """The same bytes that the command prints with ``--json``."""
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return Response(text, media_type="application/json")


def _add_questions(app: FastAPI, service: Service) -> None:
    @app.get("/health", tags=["service"])
    async def health() -> dict[str, str]:
        """Predict a known pair, so that a good answer means that predictions work."""
        model = await in_thread(answers.health)
        return {"status": "ok", "version": VERSION, "model": model}

    @app.get("/v1/examples", tags=["questions"])
    async def examples() -> list[dict[str, Any]]:
        """Well-known antibodies with their antigens, to begin with."""
        return await in_thread(answers.examples)

    @app.post("/v1/predict", tags=["questions"])
    async def predict(pair: PairRequest, user: User, request: Request) -> Response:
        """Predict one pair: what `abag predict` prints with `--json`; as text without it."""
        folder = service.places(user).existing("model", pair.model) if pair.model else None
        prediction = await in_thread(partial(answers.predict, pair, folder), service.cores)
        if request.headers.get("accept") == "text/plain":
            return Response(prediction.in_words(), media_type="text/plain")
        return exact_json(prediction.as_json())

    @app.post("/v1/number", tags=["questions"])
    async def number(chains: NumberRequest) -> Response:
        """Number chains; the answer is that of `abag number --json`."""
        return exact_json(await in_thread(partial(answers.number, chains), service.cores))

    @app.post("/v1/columns", tags=["questions"])
    async def columns(table: ColumnsRequest, user: User) -> Response:
        """Say what each column of an upload is taken for: `abag data import --explain --json`."""

        def read() -> dict[str, Any]:
            return answers.columns(table, service.places(user).uploaded(table.file))

        return exact_json(await in_thread(read))

    @app.post("/v1/pairs", tags=["questions"])
    async def pairs(upload: FileRequest, user: User) -> list[dict[str, Any]]:
        """The first 200 pairs of an upload, to ask about one of them."""

        def read() -> list[dict[str, Any]]:
            return answers.pairs(service.places(user).uploaded(upload.file))

        return await in_thread(read)


def _add_uploads(app: FastAPI, service: Service) -> None:
    @app.post("/v1/files", tags=["jobs"], status_code=201)
    async def upload(
        user: User,
        name: Annotated[str, Query(max_length=100, examples=["variants.csv"])],
        content: Annotated[bytes, Body(media_type="application/octet-stream")],
    ) -> dict[str, str]:
        """Upload a file as the body of the request; jobs name it by its id."""
        if not content:
            raise OptionError(f"the file {name[:60]!r} is empty")
        places = service.places(user)

        def keep() -> str:
            if places.bytes_used() + len(content) > service.settings.store_megabytes * 2**20:
                raise OptionError(
                    f"your files would take more than {service.settings.store_megabytes:g} "
                    "megabytes; delete jobs that you need no more"
                )
            ticket, path = places.upload(name)
            path.write_bytes(content)
            return ticket

        return {"id": await in_thread(keep), "name": name}


def _add_jobs(app: FastAPI, service: Service) -> None:
    for kind, model in TASKS.items():
        _add_job_kind(app, service, kind, model)

    @app.get("/v1/jobs", tags=["jobs"])
    async def jobs(user: User) -> list[dict[str, Any]]:
        """Your jobs, newest first."""
        return [service.shown(job) for job in service.jobs.all_of(user)]

    @app.get("/v1/jobs/{name}", tags=["jobs"])
    async def job(name: str, user: User) -> dict[str, Any]:
        """State, progress with time left, and files of a job."""
        return service.shown(service.job(name, user))

    @app.post("/v1/jobs/{name}/cancel", tags=["jobs"])
    async def cancel(name: str, user: User) -> dict[str, Any]:
        """Stop a job that waits or runs."""
        stored = service.job(name, user)
        if stored.state.is_over:
            raise HTTPException(409, f"the job is over: {stored.state}")
        await in_thread(partial(service.runner.cancel, stored))
        return service.shown(service.job(name, user))

    @app.delete("/v1/jobs/{name}", tags=["jobs"], status_code=204)
    async def delete(name: str, user: User) -> Response:
        """Delete a job that is over, with its files and the upload that no other job reads."""
        stored = service.job(name, user)
        if not stored.state.is_over:
            raise HTTPException(409, "the job is not over; cancel it first")
        await in_thread(partial(service.runner.remove, stored))
        return Response(status_code=204)

    @app.get("/v1/jobs/{name}/result", tags=["jobs"])
    async def result(name: str, user: User) -> Response:
        """What the command printed with `--json`, to the byte."""
        stored = service.job(name, user)
        path = service.places(user).job(name) / RESULT
        if stored.state is not JobState.DONE or not path.is_file():
            raise HTTPException(409, f"the job has no result: {stored.state}")
        return FileResponse(path, media_type="application/json")

    @app.get("/v1/jobs/{name}/files/{path:path}", tags=["jobs"])
    async def file(name: str, path: str, user: User) -> FileResponse:
        """One file of a job."""
        stored = service.job(name, user)
        return _served(service.places(user).job(stored.id), path)


def _add_job_kind(app: FastAPI, service: Service, kind: str, model: type[JobTask]) -> None:
    async def ask(task: JobTask, user: User) -> dict[str, Any]:
        def queue() -> Job:
            places = service.places(user)
            # Made once before it is queued: what is missing is said now, not when its turn comes.
            task.command(places, places.job("none"))
            request = task.model_dump(mode="json")
            return service.jobs.add(user, kind, request, service.settings.most_waiting)

        job = await in_thread(queue)
        service.runner.wake()
        return service.shown(job)

    ask.__doc__ = model.__doc__
    ask.__annotations__["task"] = model
    app.post(
        f"/v1/jobs/{kind}", tags=["jobs"], status_code=202, name=kind, operation_id=f"job-{kind}"
    )(ask)


def _add_shelves(app: FastAPI, service: Service) -> None:
    @app.get("/v1/models", tags=["models"])
    async def models(user: User) -> list[dict[str, Any]]:
        """Your models."""
        places = service.places(user)

        def cards() -> list[dict[str, Any]]:
            return [answers.card(places.named("model", n)) for n in places.all_of("model")]

        return await in_thread(cards)

    @app.get("/v1/campaigns", tags=["campaigns"])
    async def campaigns(user: User) -> list[str]:
        """Names of your campaigns."""
        return await in_thread(partial(service.places(user).all_of, "campaign"))

    @app.get("/v1/campaigns/{name}", tags=["campaigns"])
    async def campaign(name: str, user: User) -> dict[str, Any]:
        """A campaign with the files of its rounds."""
        folder = service.places(user).existing("campaign", name)
        return {"name": name, "files": await in_thread(partial(files_of, folder))}

    @app.get("/v1/campaigns/{name}/files/{path:path}", tags=["campaigns"])
    async def campaign_file(name: str, path: str, user: User) -> FileResponse:
        """One file of a campaign."""
        return _served(service.places(user).existing("campaign", name), path)


def files_of(folder: Path) -> list[str]:
    """Paths of the files below a folder, hidden ones and those of the service left out."""
    if not folder.is_dir():
        return []
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    visible = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(
        path.as_posix() for path in visible if path.name not in ("progress.json", "log.txt")
    )


def _served(folder: Path, path: str) -> FileResponse:
    """A file that :func:`files_of` lists, as a download; nothing else, whatever the path says."""
    if path not in files_of(folder):
        raise HTTPException(404, f"there is no file {path[:80]!r}")
    file = folder / path
    # Reports are pages with scripts of their own: they are given to be kept, not to be run here.
    return FileResponse(file, filename=file.name, content_disposition_type="attachment")
