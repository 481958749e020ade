from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abag.encoders.protocol import EncodedMolecule
from abag.encoders.storage.quantise import Packed, Storage, pack, unpack
from abag.encoders.storage.shards import write_shard
from abag.encoders.storage.store import EmbeddingStore, molecule_key, rooms
from abag.encoders.storage.store_upkeep import compact, info, verify
from abag.encoders.storage.store_writer import writer_of
from abag.errors import EncoderError, FileFormatError, MissingFileError, UnavailableError
from abag.files import is_at
from synthetic_encoder import HashEncoder, antibody, antigen, random_molecules, rows_of

MOLECULES = random_molecules(12)
WIDTH = HashEncoder().width


def filled(folder, storage="fp32", molecules=MOLECULES, each=4, **encoder) -> EmbeddingStore:
    """A store with shards of ``each`` records."""
    store = EmbeddingStore.for_encoder(folder, HashEncoder(**encoder), storage)
    with writer_of(store) as writer:
        for i, molecule in enumerate(molecules, start=1):
            writer.add(molecule, EncodedMolecule(rows_of(molecule, WIDTH), windowed=i % 5 == 0))
            if i % each == 0:
                writer.flush()
    return store


def shard_files(store: EmbeddingStore):
    return [shard.path for shard in store.shards]


def flip(path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x40
    path.write_bytes(bytes(content))


def test_what_was_written_is_read_after_reopening(tmp_path):
    filled(tmp_path)
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    assert len(again) == len(MOLECULES)
    for i, molecule in enumerate(MOLECULES, start=1):
        key = molecule_key(molecule)
        assert molecule in again
        assert np.array_equal(again.rows(key), rows_of(molecule, WIDTH))
        assert again.windowed(key) == (i % 5 == 0)
    assert antigen("WWWW") not in again


def test_role_and_the_cut_between_chains_are_part_of_the_key():
    keys = {
        molecule_key(m)
        for m in (antigen("ACDE"), antibody("ACDE"), antibody("AC", "DE"), antibody("ACD", "E"))
    }
    assert len(keys) == 4
    assert molecule_key(antigen("acde")) == molecule_key(antigen("ACDE"))


@pytest.mark.parametrize(
    "change",
    [{"revision": "r2"}, {"adapter_digest": "0123456789abcdef"}, {"id": "hash2"}],
    ids=["revision", "LoRA adapter", "encoder"],
)
def test_another_identity_sees_nothing_of_it(tmp_path, change):
    filled(tmp_path)
    other = EmbeddingStore.for_encoder(tmp_path, HashEncoder(**change), "fp32")
    assert len(other) == 0
    assert len(EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "bf16")) == 0


@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"preprocessing": 2}])
def test_precision_and_preprocessing_are_part_of_the_identity(tmp_path, change):
    filled(tmp_path)
    identity = replace(HashEncoder().identity, **change)
    assert len(EmbeddingStore(tmp_path, identity, WIDTH, "fp32")) == 0


def test_rows_of_another_width_are_refused_by_name(tmp_path):
    filled(tmp_path)
    with pytest.raises(EncoderError, match=r"width 6 of hash, this encoder gives 7"):
        EmbeddingStore.for_encoder(tmp_path, HashEncoder(width=7), "fp32")
    store = EmbeddingStore.for_encoder(tmp_path, HashEncoder(revision="r2"), "fp32")
    with pytest.raises(EncoderError, match=r"\[4, 7\].*\[4, 6\]"), writer_of(store) as writer:
        writer.add(antigen("ACDE"), EncodedMolecule(np.zeros((4, 7), np.float32)))


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    store = EmbeddingStore.for_encoder(tmp_path, HashEncoder())
    rows = np.zeros((4, WIDTH), np.float32)
    rows[2, 3] = np.nan
    with pytest.raises(EncoderError, match="not finite"), writer_of(store) as writer:
        writer.add(antigen("ACDE"), EncodedMolecule(rows))


def test_a_molecule_is_stored_once(tmp_path):
    store = filled(tmp_path)
    with writer_of(store) as writer:
        assert not writer.add(MOLECULES[0], EncodedMolecule(rows_of(MOLECULES[0], WIDTH)))
        assert writer.add(antigen("WYWY"), EncodedMolecule(rows_of(antigen("WYWY"), WIDTH)))
        assert not writer.add(antigen("WYWY"), EncodedMolecule(rows_of(antigen("WYWY"), WIDTH)))
    assert info(store)["duplicates"] == 0


def test_any_safetensors_reader_opens_a_shard(tmp_path):
    safetensors = pytest.importorskip("safetensors")
    store = filled(tmp_path)
    read = 0
    for path in shard_files(store):
        with safetensors.safe_open(path, framework="np") as shard:
            for key in shard.keys():  # noqa: SIM118 (no mapping)
                assert np.array_equal(shard.get_tensor(key), store.rows(key))
                read += 1
    assert read == len(MOLECULES)


def test_torch_reads_bf16_and_int8_as_they_are(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    half, small = filled(tmp_path, "bf16"), filled(tmp_path, "int8")
    for path in shard_files(half):
        for key, tensor in load_file(path).items():
            assert tensor.dtype == torch.bfloat16
            assert np.array_equal(tensor.float().numpy(), half.rows(key))
    tensors = {k: v for path in shard_files(small) for k, v in load_file(path).items()}
    for molecule in MOLECULES:
        key = molecule_key(molecule)
        expected = tensors[key].float() * tensors[f"{key}.scale"][:, None]
        assert np.array_equal(expected.numpy(), small.rows(key))


def test_bf16_rounds_as_torch_does():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 20_000, dtype=np.uint32)
    values = np.concatenate([bits.view(np.float32), np.float32([0, -0.0, 1, 3.39e38, 1e-45])])
    values = values[np.isfinite(values)][None, :]
    expected = torch.from_numpy(values).bfloat16().float().numpy()
    assert np.array_equal(unpack(pack(values, Storage.BF16)), expected)


def test_int8_errs_by_half_a_step_at_most():
    rows = rows_of(antigen("ACDEFGHIKL"), 64) * np.float32(10) ** np.arange(-5, 5)[:, None]
    rows = rows.astype(np.float32)
    rows[3] = 0
    packed = pack(rows, Storage.INT8)
    step = np.abs(rows).max(axis=1) / 127
    assert packed.scale == pytest.approx(step)
    error = np.abs(unpack(packed) - rows)
    assert (error <= 0.5001 * step[:, None]).all()
    assert (error[3] == 0).all()


def test_a_flipped_byte_of_a_record_is_found_and_named(tmp_path):
    store = filled(tmp_path)
    assert verify(store) == []
    key = molecule_key(MOLECULES[5])
    shard = store.shards[1]
    flip(shard.path, shard.entries[key].offset + 7)
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    (damage,) = verify(again)
    assert (damage.record, damage.shard) == (key, shard.path)
    assert key in str(damage)
    assert str(shard.path) in str(damage)
    with pytest.raises(FileFormatError, match=key):
        again.rows(key)
    assert len(again.rows(molecule_key(MOLECULES[6]))) == MOLECULES[6].residues


def test_no_flipped_byte_of_a_shard_goes_unnoticed(tmp_path):
    store = filled(tmp_path, molecules=[antigen("AC"), antigen("DE")], storage="int8")
    (path,) = shard_files(store)
    whole = path.read_bytes()
    for place in range(len(whole)):
        flip(path, place)
        again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "int8")
        assert verify(again), place
        assert all(damage.shard == path for damage in verify(again))
        path.write_bytes(whole)
    assert verify(EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "int8")) == []


def test_a_shard_that_was_cut_short_is_set_aside_and_the_others_are_read(tmp_path):
    path = shard_files(filled(tmp_path))[1]
    path.write_bytes(path.read_bytes()[:-3])
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    assert len(again) == 8
    assert [bad.shard for bad in again.unreadable] == [path]
    assert [damage.shard for damage in verify(again)] == [path]


def test_compacting_keeps_every_record_and_leaves_one_shard(tmp_path):
    store = filled(tmp_path, "bf16")
    before = {key: store.packed(key).data.copy() for key in store.record_keys()}
    done = compact(store)
    assert (done.shards_before, done.shards_after, done.duplicates) == (3, 1, 0)
    assert len(store) == len(MOLECULES)
    assert all(np.array_equal(store.packed(key).data, data) for key, data in before.items())
    assert verify(store) == []
    assert compact(store).shards_before == 1


def test_compacting_drops_duplicates(tmp_path):
    store = filled(tmp_path)
    record = store.shards[0].record(molecule_key(MOLECULES[0]))
    write_shard(store.room, 9, [record], store.about)
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    assert info(again)["duplicates"] == 1
    assert compact(again).duplicates == 1
    assert info(again)["duplicates"] == 0
    assert np.array_equal(again.rows(record.key), rows_of(MOLECULES[0], WIDTH))


def test_compacting_refuses_damage_unless_it_is_to_be_dropped(tmp_path):
    store = filled(tmp_path)
    key = molecule_key(MOLECULES[0])
    flip(store.shards[0].path, store.shards[0].entries[key].offset)
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    with pytest.raises(FileFormatError, match=rf"{key}(.|\n)*--drop-damaged"):
        compact(again)
    assert [d.record for d in compact(again, drop_damaged=True).dropped] == [key]
    assert len(again) == len(MOLECULES) - 1
    assert not again.has(key)
    assert verify(again) == []


def test_no_flipped_byte_of_the_description_goes_unnoticed(tmp_path):
    path = filled(tmp_path).room / "store.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 0x40):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            try:
                damage = [found for room in rooms(tmp_path) for found in verify(room)]
            except (FileFormatError, EncoderError) as error:
                damage = [str(error)]
            assert damage, place
            assert str(path.parent) in str(damage[0])


def test_a_room_without_its_description_is_named_and_mended_by_the_next_writer(tmp_path):
    store = filled(tmp_path)
    filled(tmp_path, "int8")
    (store.room / "store.json").unlink()
    with pytest.raises(FileFormatError, match=r"holds shards and no store\.json"):
        rooms(tmp_path)
    filled(tmp_path)
    assert [len(room) for room in rooms(tmp_path)] == [len(MOLECULES)] * 2


def test_a_room_is_found_from_inside_and_not_under_another_name(tmp_path, monkeypatch):
    room = filled(tmp_path).room
    monkeypatch.chdir(room)
    assert [len(one) for one in rooms(Path())] == [len(MOLECULES)]
    room.rename(tmp_path / "other")
    with pytest.raises(FileFormatError, match="its folder renamed"):
        rooms(tmp_path)


def test_a_whole_copy_takes_the_place_of_a_damaged_one(tmp_path):
    store = filled(tmp_path)
    record = store.shards[0].record(molecule_key(MOLECULES[0]))
    whole = replace(record, packed=Packed(record.packed.data.copy()))
    write_shard(store.room, 9, [whole], store.about)
    flip(store.shards[0].path, store.shards[0].entries[record.key].offset)
    again = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    compact(again, drop_damaged=True)
    assert len(again) == len(MOLECULES)
    assert np.array_equal(again.rows(record.key), rows_of(MOLECULES[0], WIDTH))


def test_a_reader_follows_what_a_writer_adds_and_compacts(tmp_path):
    reader = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    assert len(reader) == 0
    writer = filled(tmp_path)
    reader.refresh()
    assert len(reader) == len(MOLECULES)
    view = reader.packed(molecule_key(MOLECULES[0])).data
    compact(writer)
    # The reader has not looked again: what it maps stays, what it does not map is found anew.
    for molecule in MOLECULES:
        assert np.array_equal(reader.rows(molecule_key(molecule)), rows_of(molecule, WIDTH))
    assert np.array_equal(view, rows_of(MOLECULES[0], WIDTH))


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path):
    store = filled(tmp_path)
    script = (
        "import sys; from pathlib import Path\n"
        "from abag.encoders.storage.store import rooms\n"
        "from abag.encoders.storage.store_writer import writer_of\n"
        "with writer_of(rooms(Path(sys.argv[1]))[0]):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(UnavailableError, match=f"process {other.pid}"), writer_of(store):
            pass
        assert len(EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")) == len(MOLECULES)
        other.kill()
        other.wait()
        # Its lock file is still there, with its number in it, and stops nobody.
        with writer_of(store) as writer:
            assert writer.add(antigen("WYWY"), EncodedMolecule(rows_of(antigen("WYWY"), WIDTH)))


def test_what_a_killed_writer_left_is_swept(tmp_path):
    store = filled(tmp_path)
    left = store.room / ".shard-000009-00000000.safetensors.abc.safetensors"
    left.write_bytes(b"half")
    assert len(EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")) == len(MOLECULES)
    with writer_of(store):
        assert not left.exists()


def test_a_writer_that_writes_nothing_leaves_nothing(tmp_path):
    store = EmbeddingStore.for_encoder(tmp_path / "new", HashEncoder(), "fp32")
    with pytest.raises(KeyboardInterrupt), writer_of(store):
        raise KeyboardInterrupt
    assert not (tmp_path / "new").exists()
    other = filled(tmp_path / "new", "int8")
    with pytest.raises(KeyboardInterrupt), writer_of(store):
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "new").iterdir()] == [other.room.name]
    with pytest.raises(KeyboardInterrupt), writer_of(other):
        raise KeyboardInterrupt
    assert len(rooms(tmp_path / "new")[0]) == len(MOLECULES)


def test_a_lock_on_a_room_that_was_taken_away_is_not_held_for_the_new_one(tmp_path):
    store = EmbeddingStore.for_encoder(tmp_path, HashEncoder(), "fp32")
    store.room.mkdir()
    path = store.room / "writer.lock"
    with path.open("a+") as old:
        assert is_at(old.fileno(), path)
        path.unlink()
        assert not is_at(old.fileno(), path)
        path.touch()
        assert not is_at(old.fileno(), path)


def test_a_copy_opens_the_store_by_itself(tmp_path):
    store = filled(tmp_path)
    other = copy.deepcopy(store)
    assert other.shards[0] is not store.shards[0]
    assert np.array_equal(
        other.rows(molecule_key(MOLECULES[0])), store.rows(molecule_key(MOLECULES[0]))
    )


def test_stored_rows_cannot_be_overwritten(tmp_path):
    store = filled(tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        store.packed(molecule_key(MOLECULES[0])).data[0, 0] = 1


def test_a_store_lists_its_rooms(tmp_path):
    filled(tmp_path)
    filled(tmp_path, "int8", id="hf:owner/name")
    found = rooms(tmp_path)
    assert [(room.identity.id, room.storage) for room in found] == [
        ("hash", Storage.FP32),
        ("hf:owner/name", Storage.INT8),
    ]
    assert info(found[0])["records"] == len(MOLECULES)
    assert info(found[0])["residues"] == sum(m.residues for m in MOLECULES)
    assert [room.identity.id for room in rooms(found[1].room)] == ["hf:owner/name"]
    with pytest.raises(MissingFileError, match="abag embed"):
        rooms(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "JSON"),
        ("{}", "does not say"),
        ('{"format": 9, "width": 6}', "format 9"),
        ('{"format": 1, "width": 6, "encoder": {"id": "x"}, "storage": "fp32"}', "does not say"),
    ],
)
def test_a_damaged_description_is_named(tmp_path, content, message):
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(FileFormatError, match=message):
        rooms(tmp_path)
