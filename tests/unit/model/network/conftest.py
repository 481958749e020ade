from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from abag.model.network.config import EncoderConfig, FusionConfig, HeadConfig, NetworkConfig
from synthetic_antibodies import made_up_antibodies

ANTIGENS = ("MKTAYIAKQRQISFVKSHFSRQ", "GSHMSLFDFFKNKGSAATATDRLKLILAKERTLNLP", "MKV")


@pytest.fixture
def pairs() -> pl.DataFrame:
    """Six pairs: two VHHs, one antigen of two chains, one antibody that occurs twice."""
    antibodies = made_up_antibodies(5)
    antibodies.append(antibodies[0])
    return pl.DataFrame(
        {
            "heavy": [heavy for heavy, _ in antibodies],
            "light": [None if i in (1, 2) else light for i, (_, light) in enumerate(antibodies)],
            "antigen": [
                [ANTIGENS[0]], [ANTIGENS[1]], [ANTIGENS[2]],
                [ANTIGENS[0], ANTIGENS[2]], [ANTIGENS[1]], [ANTIGENS[1]],
            ],
        }
    )  # fmt: skip


@pytest.fixture
def config_of() -> Callable[..., NetworkConfig]:
    """A small network: fusion fields by keyword, head and pooling apart."""

    def made(
        pooling: str = "residues", head: HeadConfig | None = None, **fusion: object
    ) -> NetworkConfig:
        side = EncoderConfig(pooling=pooling)  # type: ignore[arg-type]
        return NetworkConfig(
            antibody=side,
            antigen=side,
            fusion=FusionConfig(**{"width": 16, "heads": 4, **fusion}),  # type: ignore[arg-type]
            head=head or HeadConfig(hidden=(16, 8)),
        )

    return made
