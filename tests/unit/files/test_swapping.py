"""A folder that is replaced stands or is replaced as a whole, whatever happens on the way."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from abag.errors import BusyError, FileFormatError, OptionError
from abag.files import (
    keep_previous,
    locked,
    new_result,
    replacing,
    replacing_together,
    require_folder,
    scratch_folder,
    swapping,
)
from abag.files.recovery import is_temporary, old_name, temporary_prefix, try_hold

NAMES = ("a", "b")


def written(folder: Path, text: str, *, overwrite: bool = False) -> None:
    with new_result(folder, NAMES, "a result", overwrite=overwrite) as place:
        for name in NAMES:
            (place / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def in_a_process(work: object, *arguments: object) -> int:
    """Exit code of a forked process that does this; negative for a signal."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode or 0


def killed_after(renames: int, folder: Path) -> None:
    """Replace a result, and die after so many renames of folders."""
    own, done = Path.rename, []

    def counted(self: Path, target: Path) -> Path:
        if len(done) == renames:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(target)
        return own(self, target)

    Path.rename = counted  # type: ignore[method-assign]
    written(folder, "new", overwrite=True)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("renames", "left"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_whole(
    tmp_path: Path, renames: int, left: str
) -> None:
    folder = tmp_path / "result"
    written(folder, "old")
    assert in_a_process(killed_after, renames, folder) == -signal.SIGKILL
    require_folder(folder)
    assert content(folder) == {"a": left, "b": left}
    written(folder, "next", overwrite=True)
    assert content(folder) == {"a": "next", "b": "next"}
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_failure_inside_the_block_leaves_what_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    written(folder, "old")

    def failing() -> None:
        with swapping(folder) as place:
            (place / "a").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert content(folder) == {"a": "old", "b": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_an_earlier_result_and_foreign_files_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    written(folder, "old")
    with pytest.raises(OptionError, match="--overwrite"):
        written(folder, "new")
    (folder / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(OptionError, match=r"other files than a result \(thesis\.txt\)"):
            written(folder, "new", overwrite=overwrite)
    assert content(folder) == {"a": "old", "b": "old", "thesis.txt": "mine"}


def test_of_two_writers_of_a_new_folder_the_second_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "result"

    def both() -> None:
        with swapping(folder) as a:
            (a / "a").write_text("first")
            with swapping(folder) as b:
                (b / "a").write_text("second")

    with pytest.raises(BusyError, match="made by another process meanwhile"):
        both()
    assert content(folder) == {"a": "second"}


def test_a_folder_that_is_being_replaced_is_not_replaced_twice(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    written(folder, "old")
    with try_hold(folder), pytest.raises(BusyError, match="being used"):
        written(folder, "new", overwrite=True)
    assert content(folder) == {"a": "old", "b": "old"}


def test_a_disk_without_locks_takes_results_and_recovers_from_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    folder = tmp_path / "result"
    written(folder, "old")
    written(folder, "new", overwrite=True)
    folder.rename(old_name(folder))  # as a kill between the two renames leaves it
    (tmp_path / f"{temporary_prefix(folder)}killed00").mkdir()
    require_folder(folder)
    assert content(folder) == {"a": "new", "b": "new"}
    table, manifest = tmp_path / "t.csv", tmp_path / "t.json"
    (tmp_path / f"{temporary_prefix(table)}killed00.csv").touch()
    with replacing_together([table, manifest]) as places:
        for place in places:
            place.write_text("whole")
    assert table.read_text() == manifest.read_text() == "whole"


def test_what_a_kill_left_inside_of_a_result_is_no_foreign_file(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    written(folder, "old")
    (folder / f"{temporary_prefix(folder / 'b')}killed00").mkdir()
    old_name(folder / "b").mkdir()
    written(folder, "new", overwrite=True)
    assert content(folder) == {"a": "new", "b": "new"}
    (folder / f"{temporary_prefix(folder / 'c')}killed00").touch()
    with pytest.raises(OptionError, match="other files than a result"):
        written(folder, "new", overwrite=True)


def test_the_working_directory_is_not_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    written(Path(), "one")
    written(Path(), "two", overwrite=True)
    assert content(tmp_path) == {"a": "two", "b": "two"}
    assert tmp_path.stat().st_ino == before


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    written(tmp_path / "link", "one")
    written(tmp_path / "link", "two", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "disk") == {"a": "two", "b": "two"}


def test_what_lives_is_not_swept_and_what_died_is(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with replacing(path) as mine:
        mine.write_text("one")
        with replacing(path) as other:
            other.write_text("two")
        assert mine.exists()
    assert path.read_text() == "one"
    dead = tmp_path / ".table.csv.abag-abcdefgh.csv"
    dead.write_text("half")
    foreign = tmp_path / ".table.csv.swp"
    foreign.write_text("an editor's")
    with replacing(path) as mine:
        mine.write_text("three")
    assert not dead.exists()
    assert foreign.exists()


def test_an_old_folder_that_waits_for_a_living_writer_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    written(folder, "old")
    with try_hold(folder):
        folder.rename(old_name(folder))
        with pytest.raises(FileNotFoundError):
            require_folder(folder)
    require_folder(folder)
    assert content(folder) == {"a": "old", "b": "old"}


def test_a_held_folder_is_refused_and_cleared_of_leftovers(tmp_path: Path) -> None:
    left = tmp_path / ".state.json.abag-abcdefgh.json"
    left.write_text("half")
    with locked(tmp_path, "changed"):
        assert not left.exists()
        mine = f"being written by process {os.getpid()}"
        with pytest.raises(BusyError, match=mine), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_scratch_folders_of_killed_processes_are_removed() -> None:
    left = []

    def dies() -> None:
        with scratch_folder() as folder:
            Path(os.environ["ABAG_LEFT"]).write_text(str(folder))
            os.kill(os.getpid(), signal.SIGKILL)

    with scratch_folder() as mine:
        os.environ["ABAG_LEFT"] = str(mine / "left")
        in_a_process(dies)
        left.append(Path((mine / "left").read_text()))
        assert left[0].is_dir()
        with scratch_folder():
            assert not left[0].exists()
            assert mine.is_dir()
    assert is_temporary(left[0])


def test_a_file_where_a_folder_is_wanted_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileFormatError, match="is a file; name a folder"):
        written(tmp_path / "file" / "below", "x")


def test_the_second_name_of_a_file_is_the_only_one_that_a_kill_leaves(tmp_path: Path) -> None:
    last, previous = tmp_path / "state", tmp_path / "state.previous"
    last.write_text("1")
    keep_previous(last, previous)  # then a kill, before the next state is there
    keep_previous(last, previous)
    assert {path.name for path in tmp_path.iterdir()} == {"state", "state.previous"}


def test_files_that_belong_together_have_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = (Path("t.parquet"), tmp_path / "t.manifest.json")
    with replacing_together(paths) as made:
        for path in made:
            path.write_text("1")
        with (
            pytest.raises(BusyError, match=r"t\.parquet is being written"),
            replacing_together(paths),
        ):
            pass
    with replacing_together(paths) as made:  # a dead process' leftovers stop nobody
        for path in made:
            path.write_text("2")
    assert content(tmp_path) == {"t.manifest.json": "2", "t.parquet": "2"}


def test_what_a_library_leaves_beside_its_file_is_cleared_up_with_it(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    dead = tmp_path / ".state.safetensors.abag-abcdefgh"
    dead.mkdir()
    (dead / ".tmpOZFPaW").write_text("half")  # as safetensors does
    with replacing(path, apart=True) as temporary:
        (temporary.parent / ".tmpAAAAAA").write_text("half")
        temporary.write_text("whole")
    assert content(tmp_path) == {"state.safetensors": "whole"}
