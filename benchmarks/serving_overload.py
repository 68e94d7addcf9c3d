"""Twice the load that a gateway can bear: refusals come at once, and what is accepted keeps its bar.

    python benchmarks/serving_overload.py --package FOLDER [--data FOLDER] [--bar-ms 100] [--seconds 20] [--times 2]

The function is that of `serving.py`: Banking77's test questions, MiniLM with a linear head, 8-bit, served as a project
with the requirement `latency_p95 <= BAR` would be. The capacity is measured in a closed loop of 32 connections to a
gateway without the bar (with one it would refuse some, and they would ask again at once). Then questions come at random
moments (a Poisson process) at a multiple of that rate, over as many connections as they need. Latency counts from the
moment that a question was due, and every answer is compared with that of the function in process. No answers are kept.
"""

from __future__ import annotations

import argparse
import collections
import csv
import json
import sys
from pathlib import Path

import numpy as np

from banking77 import default_data
from load_generator import Asked, Load, load
from modelwright.runtime.function import load as load_function
from running_servers import free_port, served

MOST_REFUSAL_MS = 50.0  # the 99th percentile of a 429 or 503

# What `modelwright serve` does for a project with a bar on `latency_p95`; a package alone has none.
SERVE = """
import sys
from pathlib import Path
from modelwright.gateway.config import CacheConfig, ServeConfig
from modelwright.gateway.server import serve
from modelwright.package import packages
from modelwright.project.serving.package_serving import OnePackage
folder = Path(sys.argv[1]).absolute()
found = packages.read(folder)
config = ServeConfig(port=int(sys.argv[2]), cache=CacheConfig(size=None))
serve(found.body.signature.name, config, OnePackage(folder, found.digest), bar_s=float(sys.argv[3]))
"""


def main() -> None:
    """Serve, ask at a multiple of the capacity, print what came of it; exit 1 where a bar is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--bar-ms", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=float, default=2.0, help="the capacity")
    parser.add_argument("--connections", type=int, default=256)
    given = parser.parse_args()
    with (given.data / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    function = load_function(given.package)
    (asked_for,), (answered,) = function.signature.inputs, function.signature.outputs
    expected = [
        [f'"{getattr(one, answered.name)}"'] for one in function.predict([{asked_for.name: t} for t in texts])
    ]
    port = free_port()
    asked = Asked(
        port, f"/{function.signature.name}", [json.dumps({asked_for.name: t}) for t in texts], expected
    )
    command = [sys.executable, "-c", SERVE, str(given.package), str(port)]
    with served("gateway without a bar", [*command, "3600"], asked, "/v2/health/ready"):
        load(asked, Load(32, 3.0))  # warm
        capacity = load(asked, Load(32, 5.0)).per_s
    with served("gateway", [*command, str(given.bar_ms / 1000)], asked, "/v2/health/ready"):
        load(asked, Load(4, 3.0))  # warm
        found = load(asked, Load(given.connections, given.seconds, per_s=given.times * capacity))
    accepted, refused = found.latency_ms(), found.latency_ms(refusals=True)
    codes = collections.Counter(found.status[found.status != 200].tolist())
    print(
        f"capacity {capacity:.0f} /s; asked {len(found.status) / found.seconds:.0f} /s for {found.seconds:.0f} s"
    )
    p50, p95, p99 = np.quantile(accepted, [0.5, 0.95, 0.99])
    print(
        f"accepted: {len(accepted) / found.seconds:.0f} /s, p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms; "
        f"the bar is {given.bar_ms:g} ms"
    )
    refused_p99 = float(np.quantile(refused, 0.99)) if len(refused) else 0.0
    print(f"refused: {dict(codes)}, p50 {np.median(refused):.1f} ms, p99 {refused_p99:.1f} ms")
    print(
        f"lost {found.lost}, wrong {found.wrong}; the generator's own CPU {found.cpu_s / found.seconds:.2f} of a core"
    )
    sys.exit(1 if found.lost or found.wrong or p95 > given.bar_ms or refused_p99 > MOST_REFUSAL_MS else 0)


if __name__ == "__main__":
    main()
