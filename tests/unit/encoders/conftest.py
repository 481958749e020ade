from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from abag.encoders.adapters.adapter import TransformerEncoder
from encoder_zoo import Case


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """The folder of a case's small random model, written once a session. Not to be changed."""
    written: dict[str, Path] = {}

    def folder_of(case: Case) -> Path:
        name = case.write.__name__
        if name not in written:
            written[name] = tmp_path_factory.mktemp(name)
            case.write(written[name])
        return written[name]

    return folder_of


@pytest.fixture(scope="session")
def opened(model_folder: Callable[[Case], Path]) -> Callable[[Case], TransformerEncoder]:
    """The encoder of a case in fp32 on the processor, loaded once a session."""
    loaded: dict[str, TransformerEncoder] = {}

    def encoder_of(case: Case) -> TransformerEncoder:
        if case.id not in loaded:
            loaded[case.id] = case.open(model_folder(case))
        return loaded[case.id]

    return encoder_of
