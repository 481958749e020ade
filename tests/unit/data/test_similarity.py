"""Identities against values worked out by hand, clusters against planted families."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import polars as pl
import pytest

from abag.antibody.alphabet import AMINO_ACIDS, ChainKind
from abag.antibody.numbering.domains import NumberedDomain
from abag.data.similarity import (
    CdrSet,
    antibodies,
    antibody_clusters,
    antigen_clusters,
    antigen_identities,
    cdr_sets,
    chain_identity,
)
from abag.data.similarity.antibodies import CdrTable
from abag.data.similarity.antigens import (
    UNKNOWN_ANTIGEN,
    antigen_changes,
    chance_identity,
    kmer_containment,
)
from abag.data.similarity.linkage import linked_components
from abag.errors import SplitError


def chain(rng: random.Random, residues: int) -> str:
    return "".join(rng.choice(AMINO_ACIDS) for _ in range(residues))


def mutated(rng: random.Random, parent: str, share: float) -> str:
    residues = list(parent)
    for i in rng.sample(range(len(parent)), round(share * len(parent))):
        residues[i] = rng.choice([a for a in AMINO_ACIDS if a != parent[i]])
    return "".join(residues)


def cdr_identity(first: CdrSet, second: CdrSet) -> float:
    one = np.zeros(1, dtype=np.intp)
    return float(CdrTable([first]).identities(CdrTable([second]), one, one)[0, 0])


def same_cluster(clusters: dict[str, str], first: str, second: str) -> bool:
    return clusters[first] == clusters[second]


# --- antibodies


def test_cdr_identity_is_one_minus_edits_over_the_longer_loops():
    first = CdrSet(("GFTFSSYA", "ISGSGGST", "ARDYW"), ("QSVSSY", "DAS", "QQRSN"))
    second = CdrSet(("GFTFSSYA", "ISGSGGST", "ARDW"), ("QSVSSY", "DAT", "QQRSN"))
    # One deletion in H3 and one change in L2, of 8 + 8 + 5 + 6 + 3 + 5 = 35 residues.
    assert cdr_identity(first, second) == pytest.approx(1 - 2 / 35)
    assert cdr_identity(second, first) == pytest.approx(1 - 2 / 35)


def test_a_missing_light_chain_cannot_tell_antibodies_apart():
    paired = CdrSet(("AAAA", "CCCC", "DDDD"), ("EEEE", "FFF", "GGGG"))
    alone = CdrSet(("AAAA", "CCCC", "DDDE"), None)
    assert cdr_identity(paired, alone) == pytest.approx(11 / 12)


def test_an_antibody_cluster_is_a_chain_of_close_pairs():
    loops = [("AAAAA", "CCCCC", h3) for h3 in ("DDDDD", "EEDDD", "EEEED", "WWWWW")]
    sets = {h3: CdrSet((h1, h2, h3), None) for h1, h2, h3 in loops}
    clusters = antibody_clusters(sets, threshold=0.85)
    # 2 of 15 residues between neighbours (0.867), 4 of 15 (0.733) between the ends.
    assert cdr_identity(sets["DDDDD"], sets["EEEED"]) < 0.85
    assert same_cluster(clusters, "DDDDD", "EEEED")
    assert not same_cluster(clusters, "DDDDD", "WWWWW")


def test_identity_equal_to_the_threshold_joins():
    sets = {"a": CdrSet(("AAA", "CCC", "DDDD"), None), "b": CdrSet(("AAA", "CCC", "DDEE"), None)}
    assert same_cluster(antibody_clusters(sets, threshold=0.8), "a", "b")
    assert not same_cluster(antibody_clusters(sets, threshold=0.81), "a", "b")


def same_parts(one: Iterable[object], other: Iterable[object]) -> bool:
    """Whether two labellings divide the same things alike."""
    pairs = set(zip(one, other, strict=True))
    return all(len({pair[side] for pair in pairs}) == len(pairs) for side in (0, 1))


def test_blockwise_linkage_equals_all_pairs():
    rng = np.random.default_rng(3)
    near = rng.random((120, 120)) < 0.012
    near |= near.T
    labels = linked_components(120, lambda rows, columns: near[np.ix_(rows, columns)])
    from scipy.sparse.csgraph import connected_components

    _, expected = connected_components(near, directed=False)
    assert same_parts(expected, labels)
    assert all(labels[i] == np.flatnonzero(expected == expected[i]).min() for i in range(120))


def test_the_nearest_antibody_of_a_library_is_that_of_a_look_at_all():
    rng = random.Random(7)
    parent = CdrSet(("GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY"), ("QDVNTA", "SAS", "QQHYTTPPT"))
    known = [
        CdrSet(
            (chain(rng, 8), chain(rng, 8), chain(rng, rng.randint(5, 20))),
            None if i % 7 == 0 else (chain(rng, 6), chain(rng, 3), chain(rng, 9)),
        )
        for i in range(300)
    ]
    relatives = [
        CdrSet((parent.heavy[0], mutated(rng, parent.heavy[1], 0.3), parent.heavy[2]), parent.light)
        for _ in range(20)
    ]
    table = CdrTable([*known[:150], *relatives, *known[150:]])
    library = [
        CdrSet((rng.choice(relatives).heavy[0], parent.heavy[1], chain(rng, 12)), parent.light)
        for _ in range(200)
    ]
    for asked in (library, [*library, known[0]], [CdrSet(one.heavy, None) for one in library]):
        rows, every = np.arange(len(asked)), np.arange(320)
        identity, nearest = CdrTable(asked).nearest(table, rows)
        all_of_them = CdrTable(asked).identities(table, rows, every)
        assert (nearest == all_of_them.argmax(axis=1)).all()
        assert (identity == all_of_them.max(axis=1)).all()
    assert len(CdrTable(library)._in_reach(table, np.arange(200))) < 100


def test_a_library_of_one_parent_is_one_cluster():
    rng = random.Random(5)
    parent = ("GFTFSSYA", "ISGSGGST", chain(rng, 14))
    sets = {}
    for i in range(3_000):
        h3 = mutated(rng, parent[2], 2 / 14)
        sets[f"v{i}"] = CdrSet((parent[0], parent[1], h3), None)
    sets["other"] = CdrSet(("WWWWWWWW", "PPPPPPPP", "HHHHHHHHHHH"), None)
    clusters = antibody_clusters(sets, threshold=0.8)
    assert len(set(clusters.values())) == 2


def test_cdrs_are_read_from_numbered_domains_and_unnumbered_chains_stand_for_themselves(
    monkeypatch: pytest.MonkeyPatch,
):
    positions = tuple(str(i) for i in range(27, 118))
    sequence = "A" * 12 + "F" * 17 + "C" * 10 + "G" * 39 + "D" * 13
    domain = NumberedDomain(ChainKind.HEAVY, 0, 91, sequence, positions, 100.0)
    table = pl.DataFrame(
        {"heavy": [sequence, "QQQ"], "light": [None, None]},
        schema={"heavy": pl.String, "light": pl.String},
    )
    monkeypatch.setattr(
        antibodies, "number_chains", lambda chains: {c: (domain,) * (c == sequence) for c in chains}
    )
    sets = cdr_sets(table)
    assert sets[sequence + "/"] == CdrSet(("A" * 12, "C" * 10, "D" * 13), None)
    assert sets["QQQ/"] == CdrSet(("", "", "QQQ"), None)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5, float("nan"), 80.0])
def test_a_threshold_that_is_no_fraction_is_refused(threshold):
    with pytest.raises(SplitError, match="identity threshold"):
        antibody_clusters({"a": CdrSet(("A", "C", "D"), None)}, threshold)


# --- antigens


def test_a_domain_equals_the_construct_that_holds_it():
    rng = random.Random(1)
    domain = chain(rng, 120)
    construct = chain(rng, 300) + domain + chain(rng, 400)
    assert chain_identity(domain, construct) == 1.0
    variant = mutated(rng, domain, 0.1)
    assert chain_identity(variant, construct) == pytest.approx(0.9, abs=0.01)
    clusters = antigen_clusters([(variant,), (construct,), (chain(rng, 200),)])
    assert same_cluster(clusters, variant, construct)
    assert len(set(clusters.values())) == 2


def test_a_diverged_domain_in_a_longer_construct_is_found_at_the_threshold():
    rng = random.Random(2)
    missed = 0
    for _ in range(20):
        domain = chain(rng, 150)
        construct = chain(rng, 500) + mutated(rng, domain, 0.4) + chain(rng, 500)
        assert chain_identity(domain, construct) == pytest.approx(0.6, abs=0.05)
        missed += not same_cluster(antigen_clusters([(domain,), (construct,)]), domain, construct)
    assert missed == 0


def test_unrelated_chains_have_no_identity():
    rng = random.Random(4)
    for shorter, longer in ((40, 1200), (150, 200), (20, 1000), (10, 1000), (9, 12)):
        assert chain_identity(chain(rng, shorter), chain(rng, longer)) == 0.0


def test_a_peptide_is_recognised_in_its_protein_and_not_across_the_border_of_two_chains():
    protein = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQ"
    peptide = protein[20:32]
    # In alphabetical order `before` stands just ahead of a chain that starts like the peptide.
    before, holder = "QA" + "C" * 40, peptide[1:] + "Y" * 30
    assert sorted([protein, before, holder]) == [protein, before, holder]
    clusters = antigen_clusters([(protein,), (peptide,), (before,), (holder,)])
    assert clusters[peptide] == clusters[protein] == clusters[holder]
    assert clusters[before] != clusters[peptide]


def test_chance_level_follows_rosts_curve():
    # 480 * 100 ** (-0.32 * (1 + exp(-0.1))) = 28.99 per cent.
    assert chance_identity(100) == pytest.approx(0.2899, abs=5e-4)
    assert chance_identity(8) == 0.8


def test_one_shared_chain_makes_one_antigen():
    rng = random.Random(6)
    first, second, third = chain(rng, 100), chain(rng, 110), chain(rng, 90)
    clusters = antigen_clusters([(first, second), (second, third), (third,), (chain(rng, 80),)])
    assert clusters[f"{first}/{second}"] == clusters[third]
    assert len(set(clusters.values())) == 2


def test_rows_without_an_antigen_stay_together():
    clusters = antigen_clusters([(), ("MKTAYIAKQRQISFVKSHFSRQ",)])
    assert clusters[""] == UNKNOWN_ANTIGEN
    assert antigen_clusters([()]) == {"": UNKNOWN_ANTIGEN}


def test_planted_families_are_found_without_error():
    rng = random.Random(0)
    chains, families = [], []
    for family in range(30):
        parent = chain(rng, rng.randint(120, 400))
        for _ in range(10):
            chains.append(mutated(rng, parent, rng.uniform(0.02, 0.35)))
            families.append(family)
    clusters = antigen_clusters([(c,) for c in chains])
    assert same_parts(families, [clusters[c] for c in chains])


def test_cluster_names_depend_on_members_alone():
    rng = random.Random(7)
    chains = [chain(rng, 60) for _ in range(5)]
    whole = antigen_clusters([(c,) for c in chains])
    assert antigen_clusters([(c,) for c in reversed(chains)]) == whole
    assert antigen_clusters([(chains[0],)])[chains[0]] == whole[chains[0]]


def test_the_identities_of_the_audit_recognise_fragments_and_take_the_best_chain():
    rng = random.Random(8)
    domain, partner, other = chain(rng, 90), chain(rng, 100), chain(rng, 95)
    construct = chain(rng, 200) + domain
    found = antigen_identities([(domain,), (), (partner, domain)], [(construct,), (other,)])
    assert found.tolist() == [[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]


def test_identities_are_the_same_where_all_antigens_of_a_table_are_compared_at_once():
    rng = random.Random(9)
    parents = [chain(rng, 120) for _ in range(3)]
    antigens = [(mutated(rng, parent, share),) for parent in parents for share in (0.0, 0.1, 0.3)]
    queries, references = antigens[1::2], antigens[::2]
    alone = antigen_identities(queries, references)
    assert 0.0 < alone.mean() < alone.max()
    assert np.array_equal(antigen_identities(queries, references, among=antigens), alone)


def test_a_fragment_at_half_identity_is_joined_with_the_chain_that_holds_it():
    rng = random.Random(10)
    whole = chain(rng, 300)
    near = mutated(rng, whole[100:220], 0.4)
    far = mutated(rng, whole[100:220], 0.8)
    clusters = antigen_clusters([(whole,), (near,), (far,)])
    assert same_cluster(clusters, whole, near)
    assert not same_cluster(clusters, whole, far)


def test_kmer_containment_is_a_share_of_the_smaller_set():
    # 3-mers ABC BCD CDE against ABC BCD; ZZZZ has one distinct 3-mer.
    assert kmer_containment(["ACDEF"], ["ACDE", "YYYY"]).tolist() == [[1.0, 0.0]]
    assert kmer_containment(["ACDEF"], ["ACDWWW"]).tolist() == [[pytest.approx(1 / 3)]]


DOMAIN = "".join(random.Random(3).choices(AMINO_ACIDS, k=120))


@pytest.mark.parametrize(
    ("other", "changes"),
    [
        (DOMAIN, 0),
        ("MGS" + DOMAIN[4:] + "HHHHHH", 0),
        (DOMAIN[:50] + DOMAIN[62:], 0),
        (DOMAIN[:60].replace(DOMAIN[30], "X") + DOMAIN[60:], 0),
        (DOMAIN[:60] + ("W" if DOMAIN[60] != "W" else "R") + DOMAIN[61:], 1),
    ],
    ids=["itself", "tag", "loop that was not seen", "unknown residues", "one substitution"],
)
def test_strains_differ_in_residues_that_both_have(other: str, changes: int) -> None:
    assert antigen_changes((DOMAIN,), (other,)) == changes


def test_a_peptide_is_laid_without_gaps() -> None:
    assert antigen_changes((DOMAIN,), (DOMAIN[20:25] + "WW" + DOMAIN[27:32],)) == sum(
        residue != "W" for residue in DOMAIN[25:27]
    )
