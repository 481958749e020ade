from __future__ import annotations

import subprocess
import sys

import pytest

from abag.encoders.adapters.catalogue import ENTRIES, entry_named
from abag.encoders.adapters.opening import encoder_facts, encoder_ids, open_encoder
from abag.encoders.input_rules import RULES
from abag.encoders.protocol import Role
from abag.errors import EncoderError


@pytest.mark.parametrize(
    ("id_", "width", "longest", "paired", "antigens"),
    [
        ("esm2-8m", 320, 1022, False, True),
        ("esm2-35m", 480, 1022, False, True),
        ("esm2-150m", 640, 1022, False, True),
        ("esm2-650m", 1280, 1022, False, True),
        ("esm2-3b", 2560, 1022, False, True),
        ("igt5", 1024, 512, True, False),
        ("igt5-unpaired", 1024, 512, False, False),
        ("igbert", 1024, 512, True, False),
        ("igbert-unpaired", 1024, 512, False, False),
        ("prott5", 1024, 1022, False, True),
        ("esmc-300m", 960, 2046, False, True),
        ("esmc-600m", 1152, 2046, False, True),
        ("ablang2", 480, 512, True, False),
    ],
)
def test_facts_are_known_before_loading(id_, width, longest, paired, antigens):
    facts = encoder_facts(id_)
    assert (facts.id, facts.width, facts.max_residues) == (id_, width, longest)
    assert facts.paired == paired
    assert (Role.ANTIGEN in facts.roles) == antigens
    assert facts.licence
    assert facts.revision


def test_every_entry_names_a_rule_that_exists():
    assert {entry.rule for entry in ENTRIES.values()} <= set(RULES)
    assert encoder_ids() == ("builtin", *ENTRIES)


def test_an_unknown_encoder_is_refused_with_the_list():
    for refused in ("esm3", "hf:", ""):
        with pytest.raises(EncoderError, match=r"there are builtin, esm2-8m,.*hf:owner/name"):
            open_encoder(refused)


def test_any_repository_has_an_entry():
    entry = entry_named("hf:owner/name")
    assert (entry.repository, entry.rule, entry.width) == ("owner/name", "detect", 0)


def test_the_catalogue_loads_no_torch():
    script = (
        "import sys, abag.encoders.adapters.opening as o; o.encoder_facts('esm2-3b');"
        "print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
