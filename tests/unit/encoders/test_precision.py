"""Automatic precision: bf16 only where the hardware has units for it, never for the small one."""

from __future__ import annotations

import pytest
import torch

from abag.encoders.adapters.opening import open_encoder
from abag.encoders.devices import chosen_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("units", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_processor_with_matrix_units_encodes_in_bf16(
    monkeypatch: pytest.MonkeyPatch, units: bool, expected: str
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": units}, raising=False)
    assert chosen_precision("auto", CPU) == expected
    assert chosen_precision("fp32", CPU) == "fp32"


def test_the_built_in_encoder_is_the_same_on_every_machine():
    assert open_encoder("builtin").identity.precision == "fp32"
    assert open_encoder("builtin", precision="bf16").identity.precision == "bf16"
