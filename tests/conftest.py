"""What every test may ask for."""

from __future__ import annotations

import gc
import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if find_spec("torch") and find_spec("jaxtyping"):
    import tensor_axes

    tensor_axes.install()

# What modules and tests make lives on, or is freed without a search for cycles: searching for them
# every 700 objects takes a tenth of the processor time.
gc.set_threshold(20_000, 50, 50)

settings.register_profile(
    "abag", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("abag")

# One thread count for all tests of a worker: sums depend on it, and some tests set it to 1.
os.environ["OMP_NUM_THREADS"] = "1"

# Where a machine has much to do, Ray's processes start later than Ray waits for them by itself.
os.environ.update(
    RAY_worker_register_timeout_seconds="600", RAY_gcs_server_request_timeout_seconds="600"
)


@pytest.fixture(scope="session")
def sources_dir() -> Path:
    """The folder of published tables; tests that ask for it need the mark ``sources``."""
    name = os.environ.get("ABAG_DATA_SOURCES", "")
    if not name or not Path(name).is_dir():
        pytest.skip("the published tables are not here: set ABAG_DATA_SOURCES to their folder")
    return Path(name)
