import numpy as np

from abag.data.numbering.chains import number_chains
from abag.model.pairs import frames as module
from abag.model.pairs.frames import Frame, find_frames
from abag.sequences import AMINO_ACIDS
from synthetic_pairs import HEAVY, LIGHT


def library(parent: str, count: int, seed: int = 0) -> list[str]:
    """Variants with a new CDR-H3 middle and two changes anywhere."""
    rng = np.random.default_rng(seed)
    chains = []
    for _ in range(count):
        letters = list(parent)
        for place in (*range(100, 105), *rng.integers(0, len(parent), 2)):
            letters[place] = AMINO_ACIDS[int(rng.integers(20))]
        chains.append("".join(letters))
    return chains


def content(frame: Frame) -> tuple[object, ...]:
    places = (frame.v_positions.tolist(), frame.v_places.tolist())
    return (frame.kind, frame.start, frame.end, *places, frame.loops)


def test_lent_positions_are_those_of_numbering() -> None:
    chains = [*library(HEAVY, 150), *library(LIGHT, 100)]
    numbered = number_chains(chains)
    found = find_frames(chains)
    for chain in chains:
        assert [content(f) for f in found[chain]] == [
            content(Frame.of(domain)) for domain in numbered[chain]
        ]


def test_most_of_a_library_is_not_numbered(monkeypatch) -> None:
    asked: list[str] = []

    def count(chains):
        asked.extend(chains)
        return number_chains(chains)

    monkeypatch.setattr(module, "number_chains", count)
    find_frames(library(HEAVY, 200))
    assert len(asked) < 100


def test_few_chains_are_numbered_each_for_itself(monkeypatch) -> None:
    asked: list[str] = []

    def count(chains):
        asked.extend(chains)
        return number_chains(chains)

    monkeypatch.setattr(module, "number_chains", count)
    chains = library(HEAVY, module.FAMILY)
    find_frames(chains)
    assert set(asked) == set(chains)


def test_loops_of_trastuzumab() -> None:
    (frame,) = find_frames([HEAVY])[HEAVY]
    assert [HEAVY[loop] for loop in frame.loops] == ["GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY"]


def test_a_chain_without_a_domain_has_no_frame() -> None:
    assert find_frames(["MKTAYIAKQRQISFVK"]) == {"MKTAYIAKQRQISFVK": ()}
