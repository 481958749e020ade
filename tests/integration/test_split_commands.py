"""``abag split`` and ``abag audit`` from a table on disk to verdict and picture."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS
from abag.apps.cli import main
from abag.data.tables import SCHEMA
from abag.files import write_parquet

# Framework of a human VH3 domain with room for three CDRs.
FRAMEWORK = (
    "EVQLVESGGGLVQPGGSLRLSCAAS{}IHWVRQAPGKGLEWVAR{}"
    "RYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC{}WGQGTLVTVSS"
)


def chain(rng: random.Random, residues: int) -> str:
    return "".join(rng.choice(AMINO_ACIDS.replace("C", "")) for _ in range(residues))


def write_table(path: Path) -> None:
    """Twelve unrelated pairs, each measured twice."""
    rng = random.Random(0)
    rows = []
    for _ in range(12):
        heavy = FRAMEWORK.format(chain(rng, 8), chain(rng, 8), chain(rng, 12))
        pair = {"heavy": heavy, "antigen": [chain(rng, 100)], "pkd": 6 + 4 * rng.random()}
        rows += [pair, {**pair, "pkd": pair["pkd"] + 0.05}]
    table = pl.DataFrame(rows).with_columns(
        record_id=pl.format("user:{}", pl.int_range(pl.len())),
        structure_id=pl.format("s{}", pl.int_range(pl.len()) // 2),
        assay=pl.lit("kd"),
        flags=pl.lit([], dtype=pl.List(pl.String)),
    )
    have = {name: pl.col(name) for name in table.columns}
    write_parquet(
        path,
        table.select(
            have.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in SCHEMA.items()
        ),
    )


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, object]]:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json"])
    printed = capsys.readouterr().out
    return int(ended.value.code or 0), json.loads(printed) if printed else {}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_table(tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_a_random_split_fails_the_audit_and_antigen_clusters_pass(table, tmp_path, capsys):
    for strategy, status in (("random", 1), ("antigen-cluster", 0)):
        out = tmp_path / f"{strategy}.parquet"
        done, made = run(
            capsys, "split", table, "--strategy", strategy, "--folds", 3, "--out", out
        )  # fmt: skip
        assert done == 0
        assert sum(made["parts"].values()) == 24
        done, found = run(
            capsys, "audit", table, "--split", out, "--out", tmp_path / strategy, "--fail-on-leak"
        )  # fmt: skip
        assert done == status
        assert found["split_digest"] == made["digest"]
        assert found["is_leaky"] == bool(status)
        assert (tmp_path / strategy / "audit.png").stat().st_size > 10_000
        assert json.loads((tmp_path / strategy / "audit.json").read_text())["strategy"] == strategy
    assert found["verdict"] == "clean"
    assert run(capsys, "audit", table, "--split", tmp_path / "random.parquet")[0] == 0


def test_fractions_and_thresholds_reach_the_split(table, tmp_path, capsys):
    out = tmp_path / "s.parquet"
    fractions = ("--train", 0.5, "--val", 0.25, "--test", 0.25)
    done, made = run(
        capsys, "split", table, "--strategy", "antibody-cluster", "--threshold", 0.9, *fractions,
        "--out", out,
    )  # fmt: skip
    assert done == 0
    assert made["parts"] == {"train": 12, "val": 6, "test": 6}
    assert made["parameters"]["antibody_threshold"] == 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy", "nothing"), "no strategy 'nothing'"),
        (("--strategy", "random", "--folds", "30"), "24 rows, fewer than the 30 parts"),
        (("--strategy", "random", "--train", "0.9"), "give --train and --test"),
        (("--strategy", "random", "--threshold", "0.5"), "--threshold cannot be used"),
        (("--strategy", "antigen-cluster", "--threshold", "50"), "identity threshold is 50"),
    ],
)
def test_a_split_that_cannot_be_made_ends_with_status_two(
    table, tmp_path, capsys, arguments, message
):
    with pytest.raises(SystemExit) as ended:
        main(["split", str(table), *arguments, "--out", str(tmp_path / "s.parquet")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "s.parquet").exists()


def test_a_split_must_be_named_as_parquet(table, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["split", str(table), "--strategy", "random", "--out", "s.csv"])
    assert ended.value.code == 2
    assert "name it like split.parquet" in capsys.readouterr().err
