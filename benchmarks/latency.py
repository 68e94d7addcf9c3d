"""What a request to a packaged function takes, beside ONNX Runtime in process on arrays that are ready.

    python benchmarks/latency.py [--data FOLDER] [--only text,text-int8,…] [--budget "10 s"] [--threads 1]

A package of each sort, learned in a short budget on few rows of real data, for how well it answers does not matter
here. Requests of 1 and of 32 test rows, as `load(package).predict` takes them: pictures and sounds as bytes of files,
which are decoded. Milliseconds are CPU time of one thread, the median of the rounds, for the machine may be busy:

    request   reading and checking the rows, encoding, the graph, decoding of answers
    encoding  the kinds' encoding alone: tokens, decoded pictures, mel frames, scaled windows
    graph     ONNX Runtime in process on the arrays of the same batches

Bar: encoding is at most 25 % of a request.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import forecasts
import images
import sounds
from modelwright import kinds, load
from modelwright.package.graphs import open_session
from modelwright.package.packages import read
from modelwright.runtime.batching import BATCH, batches, row_sizes
from modelwright.runtime.function import Function
from projects import default_data, evaluated_in, png

BAR = 0.25
ROUNDS, WARM = 30, 3


@dataclass(frozen=True)
class Sort:
    """A sort of package: its function, rows of real data, and what the project says besides."""

    function: str
    rows: Callable[[Path], pl.DataFrame]
    model: Mapping[str, object]
    data: Mapping[str, object] = field(default_factory=dict)
    package: Mapping[str, object] = field(default_factory=lambda: {"compress": "none"})


def banking(data: Path) -> pl.DataFrame:
    """Return questions of the ten most frequent intents."""
    rows = pl.read_csv(data / "banking77" / "train.csv")
    most = rows["category"].value_counts(sort=True)["category"][:10]
    return rows.filter(pl.col("category").is_in(most.to_list())).rename({"category": "intent"})


def digits(data: Path) -> pl.DataFrame:
    """Return 2,000 digits as PNG."""
    import gzip

    (pixels,) = (data / "mnist").glob("train-images*.gz")
    (truths,) = (data / "mnist").glob("train-labels*.gz")
    photos = np.frombuffer(gzip.decompress(pixels.read_bytes())[16:], np.uint8).reshape(-1, 28, 28)[:2000]
    named = np.frombuffer(gzip.decompress(truths.read_bytes())[8:], np.uint8)[:2000]
    return pl.DataFrame({"photo": [png(one) for one in photos], "digit": [str(one) for one in named]})


def scenes(data: Path) -> pl.DataFrame:
    """Return large photographs: driving scenes of 640 pixels and more, by whether an even number closes their name."""
    files = sorted((data / "carla_detection").rglob("*.jpg"))
    return pl.DataFrame(
        {
            "photo": [one.read_bytes() for one in files],
            "side": [str(place % 2) for place in range(len(files))],
        }
    )


def clips(data: Path) -> pl.DataFrame:
    """Return 600 spoken digits."""
    found = sounds.clips(data / "fsdd" / "recordings", 600)
    return pl.DataFrame([{"sound": one["sound"], "digit": one["digit"]} for one in found])


def rentals(data: Path) -> pl.DataFrame:
    """Return the columns of hourly rentals."""
    return pl.read_csv(data / "bike_sharing" / "hour.csv").head(4000)


def by_hour(data: Path) -> pl.DataFrame:
    """Return the last 4,000 hours of rentals with their times."""
    with tempfile.TemporaryDirectory() as temporary:
        forecasts.write("bike", data, 4000, Path(temporary) / "load.csv")
        return pl.read_csv(Path(temporary) / "load.csv")


_TABLE = "hr: number, temp: number, hum: number, windspeed: number, weathersit: category, workingday: boolean"
_WINDOWS = {"columns": {"past": "load", "next": "load"}, "window": 168, "horizon": 24, "time": "when"}
_PHOTO, _SOUND = "find(photo: image) -> ", "find(sound: audio) -> digit: category"
SORTS: dict[str, Sort] = {
    "text": Sort("route(text: text) -> intent: category", banking, {"learner": "probe"}),
    "text-int8": Sort(
        "route(text: text) -> intent: category",
        banking,
        {"learner": "finetune"},
        package={"compress": "int8"},
    ),
    "text-linear": Sort("route(text: text) -> intent: category", banking, {"learner": "linear"}),
    "picture": Sort(_PHOTO + "digit: category", digits, {"learner": "network"}),
    "picture-pretrained": Sort(
        _PHOTO + "colour: category", lambda data: images.lights(data, 0), {"learner": "probe"}
    ),
    "picture-large": Sort(_PHOTO + "side: category", scenes, {"learner": "probe"}),
    "sound": Sort(_SOUND, clips, {"learner": "network"}),
    "sound-pretrained": Sort(_SOUND, clips, {"learner": "probe"}),
    "table": Sort(f"rent({_TABLE}) -> cnt: number", rentals, {"learner": "trees"}),
    "series": Sort(
        "forecast(past: timeseries, when: date) -> next: timeseries", by_hour, {"learner": "trees"}, _WINDOWS
    ),
    "series-network": Sort(
        "forecast(past: timeseries) -> next: timeseries", by_hour, {"learner": "network"}, _WINDOWS
    ),
}


def made(sort: Sort, data: Path, budget: str, folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """Return a package, and rows of its test split as a caller has them."""
    project = {
        "function": sort.function,
        "requirements": {"size": "<= 10 GB"},
        "data": {"source": "rows.parquet", "repeated": "keep", **sort.data},
        "model": sort.model,
        "learn": {"budget": budget},
        "package": sort.package,
    }
    evaluated_in(folder, project, sort.rows(data))
    (package,) = (folder / ".modelwright/objects/package").glob("*/package")
    (test,) = (folder / ".modelwright/objects/data").glob("*/test/rows.parquet")
    names = [one.name for one in load(package).signature.inputs]
    frame = pl.read_parquet(test)
    rows = frame.select(names).head(BATCH).to_dicts()
    return package, (rows * BATCH)[:BATCH]


def milliseconds(*works: Callable[[], object]) -> list[float]:
    """Return the median CPU time of each, tried by turns."""
    took: list[list[float]] = [[] for _ in works]
    for number in range(WARM + ROUNDS):
        for work, times in zip(works, took, strict=True):
            begun = time.process_time()
            work()
            if number >= WARM:
                times.append((time.process_time() - begun) * 1e3)
    return [statistics.median(times) for times in took]


def measured(package: Path, rows: Sequence[Mapping[str, Any]], threads: int) -> tuple[float, float, float]:
    """Return the milliseconds of a request of these rows, of its encoding, and of its graph."""
    opened = read(package)
    function, body = Function(opened, threads), opened.body
    session = open_session(body.graphs["model"], threads, "model.onnx", body.files)
    wanted = [one.name for one in session.get_inputs()]
    fields = body.signature.inputs
    values = function.rows.columns([function.rows.read(row) for row in rows])
    padded = [
        (kinds.value(one.kind).size, values[one.name])
        for one in fields
        if any(
            isinstance(axis, str)
            for spec in kinds.arrays(one.kind).specs(body.states[one.name]).values()
            for axis in spec.shape[1:]
        )
    ]
    parts = [
        {name: [column[row] for row in places] for name, column in values.items()}
        for places in batches(row_sizes(padded, len(rows)), BATCH)
    ]

    def encoded(part: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        return {
            f"{one.name}.{array}": found
            for one in fields
            for array, found in kinds.arrays(one.kind).encode(part[one.name], body.states[one.name]).items()
        }

    ready = [{name: found[name] for name in wanted} for found in map(encoded, parts)]
    request, encoding, graph = milliseconds(
        lambda: function.predict(list(rows)),
        lambda: [encoded(part) for part in parts],
        lambda: [session.run(None, arrays) for arrays in ready],
    )
    return request, encoding, graph


def main() -> None:
    """Print a line for each sort and size of request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--only", default=",".join(SORTS))
    parser.add_argument("--budget", default="10 s")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    missed = []
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory(prefix="latency-") as temporary:
            package, rows = made(SORTS[name], arguments.data, arguments.budget, Path(temporary))
            for count in (1, BATCH):
                request, encoding, graph = measured(package, rows[:count], arguments.threads)
                share = encoding / request
                missed += [] if share <= BAR else [f"{name} at {count}"]
                print(
                    f"{name}, {count}: request {request:.2f} ms, encoding {encoding:.2f} ({share:.0%}, "
                    f"{'held' if share <= BAR else 'MISSED'}), graph {graph:.2f} ms "
                    f"({request / graph:.2f} times the graph alone)",
                    flush=True,
                )
    print(json.dumps({"missed": missed}))


if __name__ == "__main__":
    main()
