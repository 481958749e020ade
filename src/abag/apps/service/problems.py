"""Errors as RFC 9457 problem details: what is wrong, where, and how to mend it; never internals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from abag.errors import AbagError, MissingFileError, TableError

_OWN_FOLDER: Final = re.compile(
    r"(?<![\w/.-])(?:uploads/[0-9a-f]{16}|jobs/[A-Za-z0-9]{16}|models|campaigns)/"
)
"""Where a job, which runs in the folder of its user, finds and leaves files."""
MEDIA_TYPE: Final = "application/problem+json"


class FaultyField(BaseModel):
    """One fault of one place."""

    row: int | None = Field(None, description="Line of the file; the header is line 1.")
    column: str | None = Field(None, description="Column of the file, or field of the request.")
    reason: str
    mend: str = ""


class ProblemDetails(BaseModel):
    """Body of every answer that is an error (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    problems: list[FaultyField] = Field(default_factory=list)


def problem(
    status: int, title: str, detail: str, faults: list[FaultyField] | None = None
) -> JSONResponse:
    """An answer that says what is wrong."""
    content = ProblemDetails(title=title, status=status, detail=detail, problems=faults or [])
    # Whoever sends too much is not listened to any longer.
    close = {"Connection": "close"}
    headers = {429: {"Retry-After": "10"}, 408: close, 413: close}.get(status)
    return JSONResponse(content.model_dump(), status, headers, MEDIA_TYPE)


def without_folders(message: str, data: Path) -> str:
    """A message that names the user's own file, and nothing of where the service keeps it."""
    for root in {str(data), str(data.resolve())}:
        parts = message.split(root)
        message = parts[0] + "".join(_after(part) for part in parts[1:])
    return _OWN_FOLDER.sub("", message)


def _after(part: str) -> str:
    path, blank, remainder = part.partition(": ") if ": " in part else part.partition(" ")
    return path.rsplit("/", 1)[-1] + blank + remainder


def of_error(error: AbagError, data: Path) -> JSONResponse:
    """The user's mistake, with the rows that it is in."""
    faults = [
        FaultyField(row=fault.row, column=fault.column, reason=fault.reason, mend=fault.mend)
        for fault in (error.problems[:200] if isinstance(error, TableError) else ())
    ]
    status = 404 if isinstance(error, MissingFileError) else 422
    return problem(status, type(error).__name__, without_folders(str(error), data), faults)


def answer_errors(app: FastAPI, data: Path) -> None:
    """Give every error of the service the one form."""

    @app.exception_handler(AbagError)
    async def _abag(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AbagError)
        return of_error(error, data)

    @app.exception_handler(RequestValidationError)
    async def _request(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        faults = [_fault(fault, error.body) for fault in error.errors()]
        detail = "; ".join(f"{fault.column}: {fault.reason}" for fault in faults[:5])
        return problem(422, "the request is not as it should be", detail, faults)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, _TITLES.get(error.status_code, "error"), error.detail)

    @app.exception_handler(Exception)
    async def _other(_: Request, error: Exception) -> JSONResponse:
        del error  # the log has it; the answer must not
        return problem(500, "a fault of the service", "the operator finds it in the log")


def describe_errors(described: dict[str, Any]) -> dict[str, Any]:
    """Give the errors of an OpenAPI description the content type that they are sent with."""
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and "application/json" in answer.get("content", {}):
                    answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
    return described


_TITLES: Final = {
    401: "no valid key", 404: "not found", 405: "method not allowed", 408: "too slow",
    409: "conflict",
    413: "too large", 415: "not this kind of content", 429: "too many requests",
}  # fmt: skip


def _fault(error: dict[str, Any], body: Any) -> FaultyField:
    if error["type"] == "json_invalid":
        return FaultyField(column="body", reason=_where_json_breaks(error, str(body)))
    field = ".".join(str(part) for part in error["loc"] if part != "body")
    return FaultyField(column=field or "body", reason=str(error["msg"]))


def _where_json_breaks(error: dict[str, Any], text: str) -> str:
    at = error["loc"][-1]
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    excerpt = repr(text[at : at + 20]) if at < len(text) else "the end of the text"
    cause = error["ctx"]["error"]
    return f"no JSON from line {line}, column {column} on, at {excerpt} ({cause})"
