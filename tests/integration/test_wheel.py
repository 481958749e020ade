"""The built wheel holds the built-in encoder and all else that is read at run time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOADS = """
import abag
from abag.encoders.adapters.builtin import BuiltinEncoder
from abag.encoders.protocol import Molecule, Role
print(abag.__file__)
print(BuiltinEncoder().encode([Molecule(Role.ANTIGEN, ("MKTAYIAK",))])[0].rows.shape)
"""


@pytest.mark.slow
def test_a_wheel_holds_every_resource_and_its_encoder_loads(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(source)],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("abag-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    expected = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "abag").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= inside, sorted(expected - inside)
    done = subprocess.run(
        [sys.executable, "-c", LOADS], capture_output=True, text=True, check=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip
    place, shape = done.stdout.splitlines()
    assert Path(place).is_relative_to(tmp_path / "site")
    assert shape.startswith("(8, ")
