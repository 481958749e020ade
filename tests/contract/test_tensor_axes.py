"""The axes in signatures of tensors are checked at every call that a test makes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from jaxtyping import Float
from torch import Tensor

from abag.encoders.adapters.builtin_model import Block
from abag.model.network.attention import CrossAttention
from abag.training.engine.losses import Targets, mse
from tensor_axes import checked


def test_every_function_and_class_that_names_axes_is_checked():
    for function in (CrossAttention.forward, Block.forward, mse, Targets.__init__):
        assert hasattr(function, "__wrapped__")


def test_a_later_call_with_another_shape_or_type_is_looked_at_anew():
    @checked
    def added(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        return result

    result = torch.zeros(3)
    for _ in range(2):
        added(torch.ones(3), b=torch.ones(3))
    with pytest.raises(TypeError, match=r"b is torch.float32 \(4,\)"):
        added(torch.ones(3), b=torch.ones(4))
    with pytest.raises(TypeError, match=r"a is torch.int64 \(3,\)"):
        added(torch.arange(3), b=torch.ones(3))
    result = torch.zeros(3, 1)
    with pytest.raises(TypeError, match=r"what is returned is torch.float32 \(3, 1\)"):
        added(torch.ones(3), b=torch.ones(3))
