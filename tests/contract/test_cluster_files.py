"""Files that start clusters say what their programs read, and their commands are ones of abag."""

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from abag.apps.cli import COMMANDS

FOLDER = Path(__file__).parents[2] / "container" / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
CLUSTERS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_read_by_the_shell_and_starts_commands_that_are_there(script: Path):
    shell = shutil.which("sh")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(script)]).returncode == 0
    text = script.read_text(encoding="utf-8")
    called = re.findall(r"^(?:exec .*-m )?abag (\w+)", text, re.MULTILINE)
    called += re.findall(r"-m abag (\w+)", text)
    assert called
    assert set(called) <= set(COMMANDS)


@pytest.mark.parametrize("path", CLUSTERS, ids=lambda path: path.name)
def test_a_cluster_is_one_that_ray_accepts(path: Path):
    yaml = pytest.importorskip("yaml")
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    kinds = content["available_node_types"]
    assert content["head_node_type"] in kinds
    assert kinds["head"]["resources"]["CPU"] == 0, "the head plans and writes, and nothing else"
    assert kinds["worker"]["max_workers"] <= content["max_workers"]
    found = find_spec("ray")
    if found is None or found.origin is None:
        pytest.skip("ray is not installed")
    schema = Path(found.origin).parent / "autoscaler" / "ray-schema.json"
    pytest.importorskip("jsonschema").validate(content, json.loads(schema.read_text()))
