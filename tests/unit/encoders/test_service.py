from __future__ import annotations

import numpy as np
import pytest

from abag.encoders.devices import compile_network
from abag.encoders.memory import is_out_of_memory
from abag.encoders.protocol import EncodedMolecule
from abag.encoders.service import embed
from abag.encoders.storage.store import EmbeddingStore
from abag.errors import EncoderError, UnavailableError
from synthetic_encoder import HashEncoder, antibody, antigen, random_molecules, rows_of

MOLECULES = random_molecules(40, seed=1)


def agree(embeddings, molecules, width=6):
    assert len(embeddings) == len(molecules)
    for i, molecule in enumerate(molecules):
        assert np.array_equal(embeddings[i], rows_of(molecule, width))


def test_each_distinct_molecule_is_encoded_once_and_comes_back_in_the_order_asked():
    encoder = HashEncoder()
    asked = [*MOLECULES, *reversed(MOLECULES), MOLECULES[3]]
    embeddings = embed(asked, encoder)
    agree(embeddings, asked)
    assert len(encoder.encoded) == len(set(encoder.encoded)) == len(set(MOLECULES))
    assert embeddings.encoded == len(set(MOLECULES))


def test_a_library_on_one_light_chain_and_one_antigen_encodes_them_once():
    heavies = ["ACDEF", "ACDEG", "ACDEH"]
    pairs = [m for h in heavies for m in (antibody(h, "KLMN"), antigen("PQRST"))]
    single = HashEncoder(paired=False)
    embeddings = embed(pairs, single)
    assert sorted(m.chains for m in single.encoded) == sorted(
        [("ACDEF",), ("ACDEG",), ("ACDEH",), ("KLMN",), ("PQRST",)]
    )
    expected = np.concatenate([rows_of(antibody("ACDEG"), 6), rows_of(antibody("KLMN"), 6)])
    assert np.array_equal(embeddings[2], expected)
    paired = HashEncoder(paired=True)
    embed(pairs, paired)
    assert len(paired.encoded) == 4


def test_what_the_store_has_is_not_encoded_again(tmp_path):
    first, second, third = HashEncoder(), HashEncoder(), HashEncoder()
    store = EmbeddingStore.for_encoder(tmp_path, first, "fp32")
    agree(embed(MOLECULES[:25], first, store), MOLECULES[:25])
    again = EmbeddingStore.for_encoder(tmp_path, second, "fp32")
    result = embed(MOLECULES, second, again)
    agree(result, MOLECULES)
    assert set(second.encoded) == set(MOLECULES) - set(MOLECULES[:25])
    assert (result.from_store, result.encoded) == (25, 15)
    agree(embed(MOLECULES, third, again), MOLECULES)
    assert third.batches == []


@pytest.mark.parametrize("budget", [1, 50, 333, 100_000])
def test_the_budget_does_not_change_the_result(budget):
    encoder = HashEncoder()
    agree(embed(MOLECULES, encoder, budget=budget), MOLECULES)
    for batch in encoder.batches:
        assert len(batch) == 1 or len(batch) * max(m.residues for m in batch) <= budget


def test_batches_do_not_depend_on_repeats():
    one, two = HashEncoder(), HashEncoder()
    embed(MOLECULES, one)
    embed([m for m in MOLECULES for _ in range(3)], two)
    assert one.batches == two.batches


def test_out_of_memory_halves_the_batch_and_goes_on():
    encoder = HashEncoder(memory=130)
    agree(embed(MOLECULES, encoder, budget=1000), MOLECULES)
    assert len(encoder.encoded) == len(set(MOLECULES))
    assert all(len(b) * max(m.residues for m in b) <= 130 for b in encoder.batches)


def test_an_encoder_of_the_users_own_needs_facts_identity_and_encode_alone():
    class Plain:
        facts, identity = HashEncoder().facts, HashEncoder().identity

        def encode(self, molecules):
            return HashEncoder().encode(molecules)

    agree(embed(MOLECULES, Plain()), MOLECULES)
    with pytest.raises(EncoderError, match="cannot be compiled"):
        compile_network(Plain())


class Counting(HashEncoder):
    tries = 0

    def encode(self, molecules):
        self.tries += 1
        return super().encode(molecules)


def test_memory_that_ran_out_once_is_remembered():
    equal = [antigen("A" * 9 + a + b) for a in "CDEFGHIK" for b in "LMNPQRST"]
    encoder = Counting(memory=50)
    embed(equal, encoder, budget=176)
    # 64 molecules of 11: batches of 16, halved to 8 and to 4 in the first alone.
    assert encoder.tries == 2 + 64 // 4


def test_a_molecule_that_does_not_fit_alone_is_named():
    with pytest.raises(UnavailableError, match="one molecule of 200 residues in hash"):
        embed([antigen("A" * 200)], HashEncoder(memory=130))


def test_another_runtime_error_is_not_taken_for_memory():
    class Broken(HashEncoder):
        def encode(self, molecules):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        embed(MOLECULES, Broken())


def test_out_of_memory_is_known_by_torch_and_by_numpy():
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_two_devices_share_the_work_and_give_the_same():
    import threading

    meet = threading.Barrier(2, timeout=20)

    class Slow(HashEncoder):
        def encode(self, molecules):
            if not self.batches:
                meet.wait()  # fails unless both encoders are at work at one time
            return super().encode(molecules)

    one, two = Slow(), Slow()
    agree(embed(MOLECULES, [one, two], budget=60), MOLECULES)
    assert one.encoded
    assert two.encoded
    assert len(one.encoded) + len(two.encoded) == len(set(MOLECULES))


def test_encoders_that_differ_are_refused():
    with pytest.raises(EncoderError, match="differ"):
        embed(MOLECULES, [HashEncoder(), HashEncoder(revision="r2")])


def test_a_store_of_another_encoder_is_refused_by_name(tmp_path):
    tuned = HashEncoder(adapter_digest="0123456789abcdef")
    store = EmbeddingStore.for_encoder(tmp_path, tuned)
    with pytest.raises(EncoderError, match="0123456789abcdef"):
        embed(MOLECULES, HashEncoder(), store)
    same = EmbeddingStore(tmp_path, HashEncoder().identity, 5)
    with pytest.raises(EncoderError, match="width 5, hash gives 6"):
        embed(MOLECULES, HashEncoder(), same)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda m: np.full((m.residues, 6), np.inf, np.float32), "not finite"),
        (lambda m: np.zeros((m.residues + 2, 6), np.float32), r"gave rows \[6, 6\]"),
    ],
    ids=["overflow", "special tokens among the rows"],
)
def test_rows_that_cannot_be_right_are_refused(rows, message):
    class Wrong(HashEncoder):
        def encode(self, molecules):
            return [EncodedMolecule(rows(m)) for m in molecules]

    with pytest.raises(EncoderError, match=message):
        embed([antigen("ACDE")], Wrong())


def test_what_was_encoded_before_a_failure_is_kept(tmp_path):
    class FailsLate(HashEncoder):
        def encode(self, molecules):
            if len(self.encoded) >= 20:
                raise RuntimeError("power cut")
            return super().encode(molecules)

    encoder = FailsLate()
    store = EmbeddingStore.for_encoder(tmp_path, encoder, "fp32")
    with pytest.raises(RuntimeError, match="power cut"):
        embed(MOLECULES, encoder, store, budget=60)
    kept = len(EmbeddingStore.for_encoder(tmp_path, encoder, "fp32"))
    assert kept == len(encoder.encoded) >= 20


def test_lower_case_is_the_same_molecule():
    encoder = HashEncoder()
    embeddings = embed([antigen("acde"), antigen("ACDE")], encoder)
    assert len(encoder.encoded) == 1
    assert np.array_equal(embeddings[0], embeddings[1])


def test_windows_are_flagged_from_memory_and_from_the_store(tmp_path):
    asked = [antigen("A" * 301), antigen("A" * 300)]
    store = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    for embeddings in (
        embed(asked, HashEncoder()),
        embed(asked, HashEncoder(), store),
    ):
        assert [embeddings.windowed(i) for i in range(2)] == [True, False]


def test_nothing_asked_is_nothing_done(tmp_path):
    encoder = HashEncoder()
    assert len(embed([], encoder)) == 0
    store = EmbeddingStore.for_encoder(tmp_path / "store", encoder)
    assert len(embed([], encoder, store)) == 0
    assert not (tmp_path / "store").exists()


def test_progress_counts_residues_and_names_their_rate(monkeypatch):
    from abag.progress import Task

    texts, counted = [], []
    monkeypatch.setattr(Task, "describe", lambda self, text: texts.append(text))
    monkeypatch.setattr(Task, "advance", lambda self, amount: counted.append(amount))
    embed([*MOLECULES, *MOLECULES], HashEncoder(), budget=100)
    assert sum(counted) == sum(m.residues for m in set(MOLECULES))
    assert all(text.startswith("encode hash") and "residues/s" in text for text in texts)
