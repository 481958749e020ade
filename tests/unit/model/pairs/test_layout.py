"""Changes are counted the same for an antibody alone and among others."""

from __future__ import annotations

import numpy as np

from abag.model.pairs.layout import ImgtLayout
from synthetic_antibodies import made_up_antibodies


def test_changes_are_the_same_alone_and_beside_antibodies_that_share_a_chain() -> None:
    antibodies = made_up_antibodies(6, seed=2)
    library = [(heavy, antibodies[0][1]) for heavy, _ in antibodies] + [(antibodies[0][0], "")]
    layout = ImgtLayout.of([*library, *antibodies])
    known = layout.lay(antibodies)
    together = layout.changes(layout.lay(library), known)
    for place, antibody in enumerate(library):
        alone = layout.changes(layout.lay([antibody]), known)
        for whole, one in zip(together, alone, strict=True):
            assert np.array_equal(whole[place], one[0])


def test_a_residue_for_a_residue_is_one_change_where_it_stands() -> None:
    heavy, light = made_up_antibodies(1, seed=3)[0]
    changed = (heavy[:10] + "P" + heavy[11:], light[:26] + "WWW" + light[29:])
    assert changed != (heavy, light)
    layout = ImgtLayout.of([(heavy, light), changed])
    found = layout.changes(layout.lay([changed]), layout.lay([(heavy, light)]))
    assert (int(found.framework[0, 0]), int(found.heavy_cdr[0, 0])) == (1, 0)
    assert int(found.light_cdr[0, 0]) == 3
