"""The service under load, beside the bare predictor in the same run.

    python benchmarks/serve_load.py --clients 200 --seconds 60 --requests 100000

A service in a process of its own is asked for one pair by many clients from this process (one
kept connection each). Before that the bare predictor answers the same question one after the
other, in a third process. Prints JSON: median and 99th percentile in milliseconds, answers a
second, and the memory of the service after one client, after all of them, and after each tenth of
``--requests``. Those are half of them predictions of pairs that differ, and else numberings, lists,
parts of the page and requests with a fault. ``--seconds 0`` leaves the crowd out.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PARTS = 10
Question = tuple[bytes, int]
"""A request as it is sent, and the status that is to come."""
BARE = """
import json, sys, time
from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT
from abag.inference import load
predictor, took = load(), []
for _ in range(int(sys.argv[1])):
    begun = time.perf_counter()
    json.dumps(predictor.predict_pair(HEAVY, LIGHT, [ANTIGEN]).as_json(), sort_keys=True)
    took.append(time.perf_counter() - begun)
print(json.dumps(took[5:]))
"""


def figures(seconds: list[float], duration: float) -> dict[str, float]:
    """What a list of waits comes to."""
    ordered = sorted(seconds)
    return {
        "answers": len(ordered),
        "p50_ms": round(1e3 * statistics.median(ordered), 2),
        "p99_ms": round(1e3 * ordered[int(0.99 * (len(ordered) - 1))], 2),
        "per_second": round(len(ordered) / duration, 1),
    }


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 2**20, 1)


def question(path: str, content: Any = None, status: int = 200) -> Question:
    """A request, with a body where there is content."""
    body = b"" if content is None else json.dumps(content).encode()
    head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body, status


def a_day(seed: int) -> Iterator[Question]:
    """Requests without end: every second one predicts a pair that differs from the last."""
    from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT

    chance = random.Random(seed)

    def changed(chain: str) -> str:
        at = chance.randrange(5, len(chain) - 12)
        return chain[:at] + chance.choice("ADEKLNQRST") + chain[at + 1 :]

    while True:
        for path in ("/v1/jobs", "/v1/campaigns", "/page/app.js", "/v1/number", "/v1/predict"):
            pair = {"heavy": changed(HEAVY), "light": changed(LIGHT), "antigen": [ANTIGEN]}
            yield question("/v1/predict", pair)
            if path == "/v1/number":
                yield question(path, {"sequence": [changed(HEAVY)]})
            elif path == "/v1/predict":
                yield question(path, {"heavy": "NO CHAIN 42", "antigen": [ANTIGEN]}, 422)
            else:
                yield question(path)


async def client(
    port: int, questions: Iterator[Question], until: float, most: list[int]
) -> list[float]:
    """Ask over one connection until the time is over or all requests are made."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    while time.perf_counter() < until and most[0] > 0:
        most[0] -= 1
        begun = time.perf_counter()
        request, status = next(questions)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert head.startswith(b"HTTP/1.1 %d" % status), head
        assert length is not None
        await reader.readexactly(int(length[1]))
        took.append(time.perf_counter() - begun)
    writer.close()
    return took


async def crowd(
    port: int, questions: Iterator[Question], clients: int, seconds: float, most: int
) -> dict:
    """Many clients at once."""
    left, begun = [most], time.perf_counter()
    waits = await asyncio.gather(
        *(client(port, questions, begun + seconds, left) for _ in range(clients))
    )
    return figures([wait for each in waits for wait in each], time.perf_counter() - begun)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=0, help="then as many, for the memory")
    parser.add_argument("--most-seconds", type=float, default=400.0, help="for those requests")
    options = parser.parse_args()
    from abag.apps.service.answers import ANTIGEN, HEAVY, LIGHT

    pair = {"heavy": HEAVY, "light": LIGHT, "antigen": [ANTIGEN]}
    same = itertools.repeat(question("/v1/predict", pair))
    bare = json.loads(subprocess.check_output([sys.executable, "-c", BARE, "300"]))
    results: dict[str, Any] = {"bare": figures(bare, sum(bare))}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "abag", "serve", "--data", f"{folder}/data", "--port", "0"]
        command += ["--requests-a-minute", "10000000"]
        service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert service.stdout is not None
            address = re.search(r":(\d+)/", service.stdout.readline())
            assert address is not None
            port = int(address[1])
            results["one client"] = asyncio.run(crowd(port, same, 1, 10.0, 300))
            results["memory_mb"] = [resident_mb(service.pid)]
            if options.seconds:
                results[f"{options.clients} clients"] = asyncio.run(
                    crowd(port, same, options.clients, options.seconds, 10**9)
                )
                results["memory_mb"].append(resident_mb(service.pid))
            results["many"], day = [], a_day(seed=0)
            for _ in range(PARTS if options.requests else 0):
                part = options.most_seconds / PARTS, options.requests // PARTS
                results["many"].append(asyncio.run(crowd(port, day, 8, *part)))
                results["memory_mb"].append(resident_mb(service.pid))
                print(results["many"][-1], results["memory_mb"][-1], file=sys.stderr, flush=True)
        finally:
            service.terminate()
            service.wait()
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
