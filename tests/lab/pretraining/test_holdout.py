"""Clusters are held out whole."""

from __future__ import annotations

import pytest

from abag.errors import OptionError
from abag_lab.pretraining.corpora.holdout import held_out_clusters, loop_clusters


def test_loops_at_eighty_per_cent_identity_are_one_cluster_also_through_a_third() -> None:
    # One change in ten each time; first and last differ in three.
    chain = ["ARDYYGSSWY", "ARDYYGSSWF", "ARDYYGSAWF", "ARDYYPAAWF"]
    clusters = loop_clusters([*chain, "CCCCCCCCCC"])
    assert len({clusters[loop] for loop in chain}) == 1
    assert clusters["CCCCCCCCCC"] != clusters[chain[0]]


def test_a_cluster_is_named_by_its_members_alone() -> None:
    few, many = loop_clusters(["ARDYW", "CCCCC"]), loop_clusters(["CCCCC", "GGGGG", "ARDYW"])
    assert few["ARDYW"] == many["ARDYW"]


def test_about_the_share_is_held_out_and_the_largest_cluster_never_is() -> None:
    sizes = {f"c{i}": 1 for i in range(900)} | {"large": 100}
    chosen = held_out_clusters(sizes, 0.1, seed=0)
    assert "large" not in chosen
    assert sum(sizes[name] for name in chosen) == 100
    assert chosen == held_out_clusters(dict(reversed(sizes.items())), 0.1, seed=0)
    assert chosen != held_out_clusters(sizes, 0.1, seed=1)


def test_more_of_the_corpus_moves_few_clusters() -> None:
    sizes = {f"c{i}": 1 for i in range(1000)}
    before = held_out_clusters(sizes, 0.1, seed=0)
    after = held_out_clusters(sizes | {f"d{i}": 1 for i in range(100)}, 0.1, seed=0)
    assert len(before & after) > 85


def test_half_of_the_corpus_cannot_be_held_out() -> None:
    with pytest.raises(OptionError, match=r"between 0 and 0\.5"):
        held_out_clusters({"a": 1}, 0.5, seed=0)
