import numpy as np

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.numbering.chains import clear_cache
from abag_lab.old_global.frames import Frame, find_frames
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


def test_a_variant_has_the_same_frame_alone_and_in_its_library() -> None:
    chains = [*library(HEAVY, 80), *library(LIGHT, 20)]
    found = find_frames(chains)
    for chain in chains[::9]:
        clear_cache()
        assert [content(f) for f in found[chain]] == [
            content(f) for f in find_frames([chain])[chain]
        ]


def test_loops_of_trastuzumab() -> None:
    (frame,) = find_frames([HEAVY])[HEAVY]
    assert [HEAVY[loop] for loop in frame.loops] == ["GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY"]


def test_a_chain_without_a_domain_has_no_frame() -> None:
    assert find_frames(["MKTAYIAKQRQISFVK"]) == {"MKTAYIAKQRQISFVK": ()}
