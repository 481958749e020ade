"""A service in a process of its own, and tables to give it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HEAVY = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
ANTIGEN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"
LETTERS = "ADEFGHIKLNQRSTVWY"
AXE = Path(__file__).parent / "browser" / "node_modules" / "axe-core" / "axe.min.js"


def measured(rows: int = 24, header: str = "name,heavy,light,pKd") -> str:
    """Variants of one antibody, whose heavier residues bind less."""
    lines = [header]
    for i in range(rows):
        place, letter = (100, 104, 107, 54)[i % 4], LETTERS[i % len(LETTERS)]
        heavy = HEAVY[:place] + letter + HEAVY[place + 1 :]
        lines.append(f"v{i},{heavy},{LIGHT},{8.5 - 0.12 * LETTERS.index(letter):.2f}")
    return "\n".join([*lines, f"parent,{HEAVY},{LIGHT},8.9"])


class Running:
    """A service in a process of its own, which may be killed and started anew."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data, self.options = data, options
        self.start()

    def start(self, port: int = 0) -> None:
        command = [sys.executable, "-m", "abag", "serve", "--data", str(self.data)]
        self.process = subprocess.Popen(
            [*command, "--port", str(port), *self.options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        address = re.search(r"http://\S+:(\d+)/", self.process.stdout.readline())
        assert address is not None
        self.address, self.port = address[0], int(address[1])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        self.process.wait(timeout=30)


def serious(page: Any) -> list[str]:
    """What axe finds that is serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    report = page.evaluate("axe.run({ resultTypes: ['violations'] })")  # what passes is not told
    return [
        f"{violation['id']}: {violation['nodes'][0]['html'][:120]}"
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
