import numpy as np

from abag.antibody.alphabet import GAP, UNKNOWN, ChainKind, residue_codes
from abag.antibody.germlines import V_POSITIONS, Germlines, most_shared_gene
from abag.antibody.numbering import first_domain, number_chains
from synthetic_pairs import HEAVY, LIGHT

GERMLINES = Germlines.of_anarci()


def nearest(chain: str) -> tuple[str, float, int]:
    domain = first_domain(chain)
    assert domain is not None
    letters = np.full((1, V_POSITIONS), GAP)
    for position, code in zip(domain.positions, residue_codes(domain.sequence), strict=True):
        if position.isdigit() and int(position) <= V_POSITIONS:
            letters[0, int(position) - 1] = code
    found = GERMLINES.nearest(letters, [domain.kind])
    family = GERMLINES.family_names[GERMLINES.family[found.gene[0]]]
    return family, float(found.distance[0, -1]), int(found.changed.sum())


def test_trastuzumab_comes_from_the_families_that_it_was_grafted_on() -> None:
    assert nearest(HEAVY)[0] == "IGHV3"
    assert nearest(LIGHT)[0] == "IGKV1"


def test_a_mutation_of_a_framework_residue_is_one_step_further_from_the_germline() -> None:
    family, before, changed = nearest(LIGHT)
    assert LIGHT[9] == "S"
    mutated = LIGHT[:9] + "W" + LIGHT[10:]
    assert nearest(mutated) == (family, before + 1.0, changed + 1)


def test_an_unresolved_first_residue_counts_half() -> None:
    gene = int(np.flatnonzero(GERMLINES.chain_type == 1)[7])
    kind = number_chains([LIGHT])[LIGHT][0].kind
    shortened = GERMLINES.codes[gene].copy()
    shortened[0] = GAP
    found = GERMLINES.nearest(shortened[None, :], [kind])
    assert found.distance[0, -1] == 0.5
    assert not found.changed.any()


def test_a_gene_is_nearest_to_itself() -> None:
    gene = int(np.flatnonzero(GERMLINES.chain_type == 1)[7])
    kind = number_chains([LIGHT])[LIGHT][0].kind
    found = GERMLINES.nearest(GERMLINES.codes[gene][None, :], [kind])
    assert found.distance[0, -1] == 0.0
    assert np.array_equal(GERMLINES.codes[found.gene[0]], GERMLINES.codes[gene])


def test_a_chain_without_a_domain_has_no_gene() -> None:
    found = GERMLINES.nearest(np.full((1, 104), GAP), [None])
    assert found.gene.tolist() == [-1]
    assert not found.changed.any()


def test_residues_that_nobody_resolved_part_the_two_criteria() -> None:
    """What a chain has not counts half as a mismatch and whole as not shared; X is never shared."""
    gene = int(np.flatnonzero(GERMLINES.chain_type == 1)[7])
    kind = number_chains([LIGHT])[LIGHT][0].kind
    gaps = int((GERMLINES.codes[gene] == GAP).sum())
    shortened = GERMLINES.codes[gene].copy()
    shortened[:3], shortened[3] = GAP, UNKNOWN
    mismatches, shared = (
        GERMLINES.nearest(shortened[None, :], [kind], by).distance[0, -1]
        for by in ("mismatches", "shared")
    )
    assert mismatches == 3 * 0.5 + 1
    assert shared == gaps + 4


def test_only_genes_of_the_named_species_are_chosen_from() -> None:
    mouse = GERMLINES.species_names.index("mouse")
    letters = GERMLINES.codes[np.flatnonzero(GERMLINES.species == mouse)[:1]]
    kind = number_chains([HEAVY])[HEAVY][0].kind
    of_all = GERMLINES.nearest(letters, [kind])
    of_human = GERMLINES.nearest(letters, [kind], species=["human"])
    assert of_all.distance[0, -1] == 0.0 < of_human.distance[0, -1]
    assert GERMLINES.species_names[GERMLINES.species[of_human.gene[0]]] == "human"


def test_a_domain_of_a_gene_gets_its_letters_back_with_what_it_gives_of_the_cdr3() -> None:
    human = GERMLINES.species_names.index("human")
    gene = int(np.flatnonzero((GERMLINES.chain_type == 0) & (GERMLINES.species == human))[0])
    found = most_shared_gene(GERMLINES.codes[gene], ChainKind.HEAVY)
    assert found.shape == (128,)
    assert np.array_equal(found[:V_POSITIONS], GERMLINES.codes[gene])
    assert (found[V_POSITIONS:] < GAP).any()


def test_germlines_are_saved_and_read() -> None:
    again = Germlines.from_arrays(GERMLINES.arrays())
    assert again.family_names == GERMLINES.family_names
    assert again.species_names == GERMLINES.species_names
    assert np.array_equal(again.codes, GERMLINES.codes)


def test_variants_of_one_domain_have_the_mismatches_of_each_alone() -> None:
    rng = np.random.default_rng(8)
    gene = int(np.flatnonzero(GERMLINES.chain_type == 1)[7])
    kind = number_chains([LIGHT])[LIGHT][0].kind
    letters = np.tile(GERMLINES.codes[gene], (90, 1))
    for row, changes in zip(letters, [*range(40), *[3] * 50], strict=True):
        # Twenty residues, X and a gap; up to 39 changes, so that some rows are no variants.
        row[rng.choice(V_POSITIONS, changes, replace=False)] = rng.integers(0, GAP + 1, changes)
    together = GERMLINES.nearest(letters, [kind] * 90)
    alone = [GERMLINES.nearest(row[None, :], [kind]) for row in letters]
    assert np.array_equal(together.gene, np.concatenate([one.gene for one in alone]))
    assert np.array_equal(together.distance, np.concatenate([one.distance for one in alone]))
    assert np.array_equal(together.changed, np.concatenate([one.changed for one in alone]))
