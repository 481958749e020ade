"""What holds for any batches, any numbers and any history of a store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abag.encoders.batching import MAX_PADDING, plan_batches
from abag.encoders.protocol import EncodedMolecule
from abag.encoders.storage.quantise import Storage, pack, unpack
from abag.encoders.storage.store import EmbeddingStore, molecule_key
from abag.encoders.storage.store_upkeep import compact, verify
from abag.encoders.storage.store_writer import writer_of
from synthetic_encoder import HashEncoder, random_molecules, rows_of

MOLECULES = random_molecules(30, seed=2, longest=12)
FINITE = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


@given(st.lists(st.integers(1, 700), max_size=80), st.integers(1, 3000))
def test_batches_cover_all_once_and_respect_budget_and_padding(lengths, budget):
    batches = plan_batches(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    longest = [max(lengths[i] for i in batch) for batch in batches]
    for batch, most in zip(batches, longest, strict=True):
        assert most * len(batch) <= budget or len(batch) == 1
        assert all(lengths[i] >= (1 - MAX_PADDING) * most for i in batch)
    assert longest == sorted(longest, reverse=True)


@given(st.lists(st.integers(1, 50), max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_the_table_does_not_change_the_shapes_of_batches(lengths, random):
    shuffled = list(lengths)
    random.shuffle(shuffled)
    shapes = [
        [[own[i] for i in batch] for batch in plan_batches(own, 200)] for own in (lengths, shuffled)
    ]
    assert shapes[0] == shapes[1]


@given(FINITE)
def test_every_format_errs_by_no_more_than_it_says(rows):
    assert np.array_equal(unpack(pack(rows, Storage.FP32)), rows)
    half = np.abs(unpack(pack(rows, Storage.BF16)) - rows)
    # Below the normal numbers of fp32 the step is fixed: 2**-134 is half of it.
    assert (half <= np.abs(rows) * 2.0**-8 + 2.0**-133).all()
    packed = pack(rows, Storage.INT8)
    error = np.abs(unpack(packed).astype(np.float64) - rows)
    largest = np.abs(rows).max(axis=1, keepdims=True).astype(np.float64)
    assert (error <= largest / 254 * (1 + 1e-5) + 1e-43).all()


@given(FINITE, st.sampled_from([Storage.FP32, Storage.BF16]))
def test_packing_what_was_unpacked_changes_nothing(rows, storage):
    once = pack(rows, storage)
    assert np.array_equal(pack(unpack(once), storage).data, once.data)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sets(st.integers(0, len(MOLECULES) - 1), min_size=1)),
        st.tuples(st.just("reopen"), st.none()),
        st.tuples(st.just("compact"), st.sampled_from([200, 1000, 100_000])),
    ),
    max_size=8,
)


@settings(max_examples=30)
@given(STEPS, st.sampled_from(list(Storage)), st.sampled_from([150, 600, 100_000]))
def test_any_history_keeps_every_record_bit_for_bit(steps, storage, shard_bytes):
    encoder = HashEncoder()
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddingStore.for_encoder(Path(folder), encoder, storage)
        added: set[int] = set()
        for step, argument in steps:
            if step == "add":
                with writer_of(store, shard_bytes=shard_bytes) as writer:
                    for i in argument:
                        rows = rows_of(MOLECULES[i], encoder.width)
                        assert writer.add(MOLECULES[i], EncodedMolecule(rows, i % 2 == 0)) == (
                            molecule_key(MOLECULES[i]) not in keys(added)
                        )
                        added.add(i)
            elif step == "reopen":
                store = EmbeddingStore.for_encoder(Path(folder), encoder, storage)
            elif added:
                compact(store, shard_bytes=argument)
            assert set(store.record_keys()) == keys(added)
        assert verify(store) == []
        for i in added:
            key = molecule_key(MOLECULES[i])
            expected = pack(rows_of(MOLECULES[i], encoder.width), storage)
            assert np.array_equal(store.packed(key).data, expected.data)
            assert np.array_equal(store.rows(key), unpack(expected))
            assert store.windowed(key) == (i % 2 == 0)


def keys(places: set[int]) -> set[str]:
    return {molecule_key(MOLECULES[i]) for i in places}
