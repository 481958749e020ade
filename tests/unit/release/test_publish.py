"""Publishing to a git remote with LFS and to a hub, by the real clients; killed, it goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("huggingface_hub")

import abag
from abag.errors import ReleaseError, UnavailableError
from abag.files import read_json
from abag.release.publishing.gitlfs import git, git_steps
from abag.release.publishing.hub import hub_steps
from abag.release.publishing.steps import PublishStep, carry_out, publication
from abag.release.pull import pull
from abag.release.verify import verify_release
from hub_server import TOKEN, Hub, Served
from released_models import small_release

needs_lfs = pytest.mark.skipif(
    shutil.which("git-lfs") is None, reason="git-lfs is not installed (apt install git-lfs)"
)
REPOSITORY = "abag-tests/ridge"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_release(tmp_path_factory.mktemp("release"), "1.0.0-beta")


@pytest.fixture
def release(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "ridge")
    return tmp_path / "ridge"


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABAG_MODELS", str(tmp_path / "shelf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Served() as hub:
        yield hub


def bare(place: Path) -> str:
    subprocess.run(["git", "init", "--quiet", "--bare", place], check=True)
    return f"file://{place}"


def to_git(release: Path, address: str, scratch: Path) -> list[PublishStep]:
    return git_steps(publication(release, address), "main", scratch)


def to_hub(release: Path, hub: Hub, scratch: Path) -> list[PublishStep]:
    return hub_steps(publication(release, REPOSITORY), hub.address, scratch)


def publish(steps: list[PublishStep], release: Path, address: str) -> list[str]:
    return carry_out(steps, publication(release, address), lambda text: None)


def predicts_what_was_released(name: str, release: Path) -> bool:
    row = pl.read_csv(release / "check" / "pairs.csv").row(0, named=True)
    chains = {"heavy": row["heavy"], "light": row["light"], "antigen": row["antigen"]}
    return abag.load(name).predict_pair(**chains).pkd == pytest.approx(row["pkd"], abs=1e-9)


@needs_lfs
def test_a_release_goes_to_git_and_comes_back(release: Path, tmp_path: Path):
    address = bare(tmp_path / "remote.git")
    did = publish(to_git(release, address, tmp_path / "s"), release, address)
    assert did == ["clone", "attributes", "stage", "commit", "tag", "push", "page", "verify"]
    remote = tmp_path / "remote.git"
    assert git(remote, "cat-file", "-t", "v1.0.0-beta") == "tag"
    pointer = git(remote, "show", "main:model/weights.safetensors")
    assert pointer.startswith("version https://git-lfs.github.com/spec/v1")
    page = read_json(tmp_path / "ridge.publish" / "release_page.json")
    assert (page["tag_name"], page["prerelease"]) == ("v1.0.0-beta", True)
    pulled = pull(f"{address}@v1.0.0-beta")
    verify_release(pulled.folder)
    assert predicts_what_was_released("ridge@1.0.0-beta", release)


def test_a_release_goes_to_a_hub_and_comes_back(release: Path, tmp_path: Path, hub: Hub):
    did = publish(to_hub(release, hub, tmp_path / "s"), release, REPOSITORY)
    assert did == ["repository", "upload", "tag", "page", "verify"]
    here = hub.repositories[REPOSITORY]
    assert here.tags == {"v1.0.0-beta": here.main}
    assert here.commits[here.main]["model/weights.safetensors"].lfs
    pulled = pull(f"{REPOSITORY}@1.0.0-beta", endpoint=hub.address)
    assert pulled.new
    verify_release(pulled.folder)
    assert predicts_what_was_released(f"{REPOSITORY}@1.0.0-beta", release)
    requests = len(hub.requests)
    assert not pull(f"{REPOSITORY}@1.0.0-beta", endpoint=hub.address).new
    assert len(hub.requests) == requests


class Killed(BaseException):
    """As a kill leaves it: nothing is cleared up but what the system clears."""


def killed_at(steps: list[PublishStep], place: int, after: bool) -> list[PublishStep]:
    """The steps, of which one dies before or right after its work, its journal not written."""
    step = steps[place]

    def act() -> None:
        if after:
            step.act()
        raise Killed

    return [
        *steps[:place],
        PublishStep(step.name, step.words, step.is_done, act),
        *steps[place + 1 :],
    ]


def through_kills(
    steps: Callable[[], list[PublishStep]], release: Path, address: str, after: bool
) -> None:
    for place, step in enumerate(steps()):
        if step.name == "token":  # it is there before
            continue
        with pytest.raises(Killed):
            publish(killed_at(steps(), place, after), release, address)
    publish(steps(), release, address)


@needs_lfs
@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_step_a_git_remote_ends_the_same(release: Path, tmp_path: Path, after: bool):
    straight, broken = bare(tmp_path / "one.git"), bare(tmp_path / "two.git")
    publish(to_git(release, straight, tmp_path / "s1"), release, straight)
    shutil.rmtree(tmp_path / "ridge.publish")
    scratch = iter(range(99))
    through_kills(
        lambda: to_git(release, broken, tmp_path / f"s2-{next(scratch)}"), release, broken, after
    )
    one, two = (git(tmp_path / name, "show-ref") for name in ("one.git", "two.git"))
    assert one == two
    assert "refs/tags/v1.0.0-beta" in one


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_step_a_hub_ends_the_same(release: Path, tmp_path: Path, after: bool):
    found = []
    for name in ("one", "two"):
        with Served() as hub:
            scratch = iter(range(99))

            def steps(hub: Hub = hub, name: str = name, scratch: Iterator[int] = scratch):
                return to_hub(release, hub, tmp_path / f"{name}-{next(scratch)}")

            if name == "one":
                publish(steps(), release, REPOSITORY)
            else:
                through_kills(steps, release, REPOSITORY, after)
            shutil.rmtree(tmp_path / "ridge.publish")
            here = hub.repositories[REPOSITORY]
            found.append((here.main, here.tags, len(here.commits)))
    assert found[0] == found[1]


@needs_lfs
@pytest.mark.slow
def test_killed_by_the_system_in_the_middle_of_anything_it_ends_the_same(
    release: Path, tmp_path: Path
):
    """Each try gets a little longer before the system kills it, git and all."""
    straight, broken = bare(tmp_path / "one.git"), bare(tmp_path / "two.git")
    publish(to_git(release, straight, tmp_path / "s1"), release, straight)
    shutil.rmtree(tmp_path / "ridge.publish")
    command = [sys.executable, "-m", "abag", "release", "publish", str(release), "--git", broken]
    for tenths in range(12, 400, 6):
        with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as run:
            try:
                said = run.communicate(timeout=tenths / 10)[1].decode()
                break
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 0, said
    assert git(tmp_path / "one.git", "show-ref") == git(tmp_path / "two.git", "show-ref")


@needs_lfs
@pytest.mark.slow
def test_a_tag_is_never_moved(release: Path, made: Path, tmp_path: Path):
    address = bare(tmp_path / "remote.git")
    publish(to_git(release, address, tmp_path / "s"), release, address)
    other = small_release(tmp_path / "other", "1.0.0-beta", new=("Another one.",))
    with pytest.raises(ReleaseError, match=r"tag v1\.0\.0-beta on another commit"):
        publish(to_git(other, address, tmp_path / "s2"), other, address)


@needs_lfs
@pytest.mark.slow
def test_a_second_version_follows_the_first(release: Path, tmp_path: Path):
    address = bare(tmp_path / "remote.git")
    publish(to_git(release, address, tmp_path / "s"), release, address)
    newer = small_release(tmp_path / "newer", "1.1.0")
    publish(to_git(newer, address, tmp_path / "s2"), newer, address)
    assert git(tmp_path / "remote.git", "tag").split() == ["v1.0.0-beta", "v1.1.0"]
    assert pull(f"{address}@1.0.0-beta").facts["given"]["version"] == "1.0.0-beta"
    assert pull(address).facts["given"]["version"] == "1.1.0"


def test_a_hub_without_a_token_is_refused_before_anything_is_sent(
    release: Path, tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(UnavailableError, match="hf auth login"):
        publish(to_hub(release, hub, tmp_path / "s"), release, REPOSITORY)
    assert hub.repositories == {}


def test_a_release_that_was_changed_is_not_published(release: Path, tmp_path: Path):
    (release / "ROADMAP.md").write_text("Nothing is planned.\n")
    with pytest.raises(ReleaseError, match=r"ROADMAP\.md is not the file"):
        publication(release, "file:///nowhere")
    assert not (tmp_path / "ridge.publish").exists()


def test_a_file_that_the_hub_damaged_is_found(release: Path, tmp_path: Path, hub: Hub):
    publish(to_hub(release, hub, tmp_path / "s"), release, REPOSITORY)
    here = hub.repositories[REPOSITORY]
    stored = here.commits[here.main]["check/pairs.csv"]
    stored.content = stored.content.replace(b"8", b"9")
    with pytest.raises(ReleaseError, match=r"check/pairs\.csv is not the file"):
        pull(f"{REPOSITORY}@1.0.0-beta", endpoint=hub.address)
