"""Small made-up tables and models that follow the protocols."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pytest

from abag.data.tables import SCHEMA, Measurements
from abag.model.protocol import PlainModel


def canonical(rows):
    """Canonical rows from dictionaries; unnamed columns get plain values."""
    plain = {
        "source": "made_up", "source_file": "none", "source_row": 2, "antigen_name": None,
        "light": None, "quantity": "KD", "raw_value": "1", "raw_unit": "nM", "relation": "=",
        "replicates": 1, "assay": "one", "structure_id": None, "licence": "own-data", "flags": [],
    }  # fmt: skip
    filled = [
        {name: {**plain, "record_id": f"r{place}", **row}.get(name) for name in SCHEMA}
        for place, row in enumerate(rows)
    ]
    return Measurements(pl.DataFrame(filled, schema=SCHEMA))


def made_up(rows=120, antigens=8, censored=0, seed=0):
    """Antibodies whose pKd is that of their antigen plus a share of their letter E."""
    generator = np.random.default_rng(seed)
    found = []
    for place in range(rows):
        antigen = place % antigens
        heavy = "".join(generator.choice(list("ADEFGKLS"), 30))
        pkd = 6 + 0.4 * antigen + 0.3 * heavy.count("E") + generator.normal(0, 0.2)
        row = {
            "heavy": heavy, "antigen": ["MKT" + "ACDEFGHI"[antigen % 8] * 20],
            "antigen_name": f"antigen {antigen}", "structure_id": f"{place // 3:04d}",
            "pkd": pkd, "pkd_lower": pkd, "pkd_upper": pkd,
        }  # fmt: skip
        if place < censored:
            row |= {"pkd": None, "pkd_lower": None, "pkd_upper": 6.0, "relation": ">"}
        found.append(row)
    return canonical(found)


class FakeSplit:
    """Folds of rows, every antigen in each; or folds of antigens."""

    def __init__(self, folds=4, by_antigen=False):
        self.folds, self.by_antigen = folds, by_antigen
        self.digest = hashlib.sha256(f"{folds}{by_antigen}".encode()).hexdigest()

    def fold_tables(self, table):
        keys = table["antigen_name"].to_list()
        if not self.by_antigen:
            keys = [place // len(set(keys)) for place in range(table.height)]
        code = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        fold = np.array([code[key] % self.folds for key in keys])
        for number in range(self.folds):
            chosen = pl.Series(fold == number)
            yield f"fold-{number + 1}", table.filter(~chosen), table.filter(chosen)


class Mean(PlainModel):
    name = "mean"
    target = "pkd"

    def fit(self, table, origin=None):
        self.value = table["pkd"].mean()
        return self

    def predict(self, table):
        return np.full(table.height, self.value)


class CountsE(Mean):
    """Knows half of the rule that made the table."""

    def fit(self, table, origin=None):
        known = table.frame.drop_nulls("pkd")
        count = np.array([heavy.count("E") for heavy in known["heavy"]], dtype=float)
        self.slope, self.base = np.polyfit(count, known["pkd"].to_numpy(), 1)
        return self

    def predict(self, table):
        return np.array([self.base + self.slope * heavy.count("E") for heavy in table["heavy"]])


class ReadsAntigen(Mean):
    """Knows the mean of each antigen that it has seen."""

    def fit(self, table, origin=None):
        keyed = table.frame.with_columns(pl.col("antigen").list.join("/").alias("key"))
        self.means = dict(keyed.group_by("key").agg(pl.col("pkd").mean()).iter_rows())
        self.mean = table["pkd"].mean()
        return self

    def predict(self, table):
        return np.array([self.means.get("/".join(a), self.mean) for a in table["antigen"]])


@pytest.fixture
def fakes():
    """The names above, for tests that cannot import a conftest."""

    class Fakes:
        table = staticmethod(made_up)
        rows = staticmethod(canonical)
        split = FakeSplit
        mean, counts_e, reads_antigen = Mean, CountsE, ReadsAntigen

    return Fakes
