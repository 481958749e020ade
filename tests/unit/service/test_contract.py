"""What the service answers is what its own description says, whatever is asked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="schemathesis is not installed")
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from abag.apps.service.api import make_app
from abag.apps.service.settings import ServiceSettings

EXAMPLES = int(os.environ.get("ABAG_CONTRACT_EXAMPLES", "6"))
"""Requests tried of each operation; set more for a long search."""
schemathesis.checks.load_all_checks()
ACCEPTS_ALL = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
"""Left out: a schema cannot say what a chain, a unit or a CDR is, so 422 may meet its letters."""


@asynccontextmanager
async def idle(_: Any) -> AsyncIterator[None]:
    yield


@pytest.fixture
def described(tmp_path: Path) -> Any:
    """The service without workers: jobs are queued, and none runs."""
    most = {"requests_a_minute": 10_000_000, "most_waiting": 10_000}
    app = make_app(ServiceSettings(data=tmp_path / "data", **most))
    app.router.lifespan_context = idle  # each request would start the workers and end them
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "localhost"})


def faults_of(described: Any) -> Iterator[str]:
    """What is wrong with each operation, in the words of schemathesis."""
    for found in described.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case: Any) -> None:
            case.call_and_validate(headers={"Host": "localhost"}, excluded_checks=[ACCEPTS_ALL])

        try:
            ask()
        except Exception as error:
            shown = [error, *getattr(error, "exceptions", ())]
            yield f"{operation.label}: {' '.join(str(one) for one in shown)}"


def test_every_answer_is_a_described_one_and_none_is_a_fault_of_the_service(described):
    assert list(faults_of(described)) == []
