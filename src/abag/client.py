"""A client of a service; its methods have the names of the local functions.

>>> client = Client("http://127.0.0.1:8000")                        # doctest: +SKIP
>>> client.predict(heavy="EVQL...", light="DIQM...", antigen="TQVC...").pkd  # doctest: +SKIP
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from abag.errors import AbagError, OptionError, UnavailableError

if TYPE_CHECKING:
    from abag.inference.prediction import Prediction

_WAIT_SECONDS: Final = 0.5


class ServiceError(AbagError, ValueError):
    """The service refused a request; the message is its own, ``problems`` its list of places."""

    def __init__(self, status: int, content: Mapping[str, Any]) -> None:
        self.status = status
        self.problems: list[Mapping[str, Any]] = list(content.get("problems", []))
        super().__init__(str(content.get("detail") or f"the service answered {status}"))


class Client:
    """One service. Long work waits for its job and gives what the command prints with ``--json``.

    Args:
        address: Such as ``http://127.0.0.1:8000``.
        key: API key, where the service asks for one.
        timeout_seconds: Of one request; jobs may take longer.
    """

    def __init__(
        self, address: str, key: str | None = None, *, timeout_seconds: float = 60.0
    ) -> None:
        if not address.startswith(("http://", "https://")):
            raise OptionError(f"the address {address!r} begins with neither http:// nor https://")
        self._address, self._key, self._timeout = address.rstrip("/"), key, timeout_seconds

    def predict(
        self,
        heavy: str,
        light: str | None = None,
        antigen: str | Sequence[str] = (),
        *,
        model: str | None = None,
        level: float = 0.9,
    ) -> Prediction:
        """Predict one pair, as :func:`abag.predict` does; raises ServiceError."""
        from abag.inference.prediction import Prediction

        chains = [antigen] if isinstance(antigen, str) else list(antigen)
        request = {"heavy": heavy, "light": light, "antigen": chains, "level": level}
        answer = self._json("/v1/predict", {**request, "model": model})
        field_names = {field.name for field in fields(Prediction)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in answer.items()
            if key in field_names
        }
        return Prediction(**values)

    def number(self, *sequences: str) -> list[dict[str, Any]]:
        """IMGT numbers of chains; raises ServiceError."""
        domains: list[dict[str, Any]] = self._json("/v1/number", {"sequence": sequences})["domains"]
        return domains

    def predict_table(self, table: Path | str, out: Path | str, **options: Any) -> dict[str, Any]:
        """Predict a file of pairs and write the predictions to ``out`` (.csv)."""
        from abag.files import replacing

        job, result = self.run("predict-table", file=Path(table), **options)
        with replacing(Path(out)) as temporary:
            temporary.write_bytes(self.job_file(job, "predictions.csv"))
        return {**result, "out": str(out)}

    def scan(self, **options: Any) -> dict[str, Any]:
        """Every single mutant: ``heavy``, ``light``, ``antigen`` or ``model``, ``cdrs``."""
        return self.run("scan", **options)[1]

    def adapt(self, table: Path | str, name: str, **options: Any) -> dict[str, Any]:
        """Learn a model called ``name`` from a table of measurements."""
        return self.run("adapt", file=Path(table), name=name, **options)[1]

    def propose(self, model: str, **options: Any) -> dict[str, Any]:
        """Choose a plate by a model: ``wells``, ``max_mutations``, ``cdrs``."""
        return self.run("propose", model=model, **options)[1]

    def models(self) -> list[dict[str, Any]]:
        """Your models on the service."""
        models: list[dict[str, Any]] = self._json("/v1/models")
        return models

    def run(self, kind: str, **request: Any) -> tuple[str, dict[str, Any]]:
        """Queue a job of any kind, wait for it, and give its id and its result.

        A value that is a path is uploaded. Raises ServiceError where the job fails.
        """
        sent = {
            name: self.upload(value) if isinstance(value, Path) else value
            for name, value in request.items()
        }
        job = self._json(f"/v1/jobs/{kind}", sent)
        while job["state"] in ("queued", "running"):
            time.sleep(_WAIT_SECONDS)
            job = self._json(f"/v1/jobs/{job['id']}")
        if job["state"] != "done":
            raise ServiceError(422, {"detail": job["message"] or f"the job was {job['state']}"})
        result: dict[str, Any] = self._json(f"/v1/jobs/{job['id']}/result")
        return job["id"], result

    def upload(self, path: Path) -> str:
        """Upload a file; jobs name it by the id that this gives."""
        query = urlencode({"name": path.name})
        kind = {"Content-Type": "application/octet-stream"}
        return str(json.loads(self._bytes(f"/v1/files?{query}", path.read_bytes(), kind))["id"])

    def job_file(self, job: str, name: str) -> bytes:
        """Content of one file of a job."""
        return self._bytes(f"/v1/jobs/{quote(job)}/files/{quote(name)}")

    def _json(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        kind = {"Content-Type": "application/json"} if content is not None else {}
        return json.loads(self._bytes(path, body, kind))

    def _bytes(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        sent = dict(headers or {})
        if self._key:
            sent["Authorization"] = f"Bearer {self._key}"
        request = Request(f"{self._address}{path}", data=body, headers=sent)
        try:
            with urlopen(request, timeout=self._timeout) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            try:
                refusal = json.loads(error.read())
            except ValueError:
                refusal = {}
            raise ServiceError(error.code, refusal) from None
        except URLError as error:
            raise UnavailableError(
                f"no service answers at {self._address} ({error.reason}); start one with "
                "`abag serve`"
            ) from None
