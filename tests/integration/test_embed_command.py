"""``abag embed`` and ``abag store`` on a small random ESM-2."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from abag.apps.cli import main
from abag.encoders.protocol import Molecule, Role
from abag.encoders.storage.store import molecule_key, require_store_folder, rooms
from abag.errors import FileFormatError
from abag.files import write_parquet
from synthetic_pairs import HEAVY, LIGHT, assay_table

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from encoder_zoo import write_esm

    folder = tmp_path_factory.mktemp("esm")
    write_esm(folder)
    return folder


def run(capsys, *arguments) -> dict:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--json"])
    assert stopped.value.code == 0
    return json.loads(capsys.readouterr().out)


def test_a_table_is_embedded_once_and_found_again(tmp_path, model, capsys):
    table = assay_table(8)
    write_parquet(tmp_path / "table.parquet", table)
    arguments = (
        "embed", tmp_path / "table.parquet", "--encoder", f"hf:{model}", "--device", "cpu",
        "--store", tmp_path / "store",
    )  # fmt: skip
    first = run(capsys, *arguments, "--role", "antibody")
    # ESM-2 reads chains one by one: the light chain of all rows is encoded once.
    heavies = table["heavy"].n_unique()
    assert (first["rows"], first["molecules"]) == (8, 8)
    assert (first["encoded"], first["found"]) == (heavies + 1, 0)
    both = run(capsys, *arguments)
    assert (both["encoded"], both["found"]) == (1, heavies + 1)
    (room,) = run(capsys, "store", "info", tmp_path / "store")["rooms"]
    assert (room["records"], room["width"], room["storage"]) == (heavies + 2, 16, "bf16")
    done = run(capsys, "store", "compact", tmp_path / "store")["rooms"][0]
    assert (done["shards_before"], done["shards_after"]) == (2, 1)
    checked = run(capsys, "store", "verify", tmp_path / "store")
    assert checked == {"records": heavies + 2, "damage": []}


def bytes_of(store) -> dict[str, bytes]:
    files = [one for one in sorted(store.rglob("*")) if one.is_file()]
    return {str(one.relative_to(store)): one.read_bytes() for one in files}


@pytest.mark.parametrize("where", [("--processes", "2"), ("--ray", "local")], ids=["two", "ray"])
def test_workers_write_the_bytes_of_one_process(tmp_path, model, capsys, monkeypatch, where):
    encoder = "builtin"  # processes of their own need not load transformers to share a table out
    if where[0] == "--ray":
        pytest.importorskip("ray")
        encoder = f"hf:{model}"
    # A minute ends a shard, and workers that start slowly take it: here no time passes.
    still = SimpleNamespace(monotonic=lambda: 0.0)
    monkeypatch.setattr("abag.encoders.storage.store_writer.time", still)
    table = tmp_path / "table.parquet"
    write_parquet(table, assay_table(12))
    monkeypatch.chdir(tmp_path)
    arguments = ("embed", table, "--encoder", encoder, "--device", "cpu", "--budget", "300")
    alone = run(capsys, *arguments, "--store", tmp_path / "alone")
    shared = run(capsys, *arguments, "--store", tmp_path / "shared", *where)
    assert shared["encoded"] == alone["encoded"] > 2
    assert bytes_of(tmp_path / "shared") == bytes_of(tmp_path / "alone")


def test_workers_have_one_device_each(tmp_path, model, capsys):
    write_parquet(tmp_path / "table.parquet", assay_table(2))
    asked = ["--encoder", f"hf:{model}", "--processes", "2", "--device", "cpu", "--device", "auto"]
    with pytest.raises(SystemExit) as stopped:
        main(["embed", str(tmp_path / "table.parquet"), "--store", str(tmp_path / "store"), *asked])
    assert stopped.value.code == 2
    assert "each worker has one device" in capsys.readouterr().err


def test_pairs_are_cleaned_before_they_are_embedded(tmp_path, model, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"heavy,light,antigen\n{HEAVY.lower()},{LIGHT},MKTAYIAKQRQISFVK\n")
    run(capsys, "embed", pairs, "--encoder", f"hf:{model}", "--device", "cpu",
        "--store", tmp_path / "store", "--storage", "fp32")  # fmt: skip
    (room,) = rooms(tmp_path / "store")
    for role, chain in ((Role.ANTIBODY, HEAVY), (Role.ANTIGEN, "MKTAYIAKQRQISFVK")):
        rows = room.rows(molecule_key(Molecule(role, (chain,))))
        assert rows.shape == (len(chain), 16)
        assert np.isfinite(rows).all()


def test_a_pair_that_cannot_be_read_is_named_with_its_row(tmp_path, model, capsys):
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"heavy,light,antigen\n{HEAVY},{LIGHT},MKTAYIAKQRQ\n{HEAVY},{LIGHT},MKT*AY\n")
    with pytest.raises(SystemExit) as stopped:
        main(["embed", str(pairs), "--encoder", f"hf:{model}", "--store", str(tmp_path / "s")])
    assert stopped.value.code == 2
    assert "row 3" in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


def test_verify_ends_with_status_1_and_names_the_record(tmp_path, model, capsys):
    write_parquet(tmp_path / "table.parquet", assay_table(3))
    run(capsys, "embed", tmp_path / "table.parquet", "--encoder", f"hf:{model}",
        "--store", tmp_path / "store", "--device", "cpu")  # fmt: skip
    (shard,) = rooms(tmp_path / "store")[0].shards
    key, entry = next(iter(shard.entries.items()))
    content = bytearray(shard.path.read_bytes())
    content[entry.offset] ^= 1
    shard.path.write_bytes(bytes(content))
    with pytest.raises(SystemExit) as stopped:
        main(["store", "verify", str(tmp_path / "store")])
    assert stopped.value.code == 1
    assert key in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["store", "compact", str(tmp_path / "store")])
    assert stopped.value.code == 2
    assert "--drop-damaged" in capsys.readouterr().err
    (done,) = run(capsys, "store", "compact", tmp_path / "store", "--drop-damaged")["rooms"]
    assert len(done["dropped"]) == 1


def test_an_empty_room_of_a_writer_that_was_killed_is_no_foreign_folder(tmp_path):
    (tmp_path / "builtin-bf16-000000000000").mkdir()
    require_store_folder(tmp_path)
    (tmp_path / "builtin-bf16-000000000000" / "thesis.txt").touch()
    with pytest.raises(FileFormatError, match="holds other files"):
        require_store_folder(tmp_path)


def test_a_folder_that_is_no_store_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["store", "info", str(tmp_path)])
    assert stopped.value.code == 2
    assert "no embedding store" in capsys.readouterr().err
