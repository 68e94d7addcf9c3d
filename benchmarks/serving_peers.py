"""The peers of `serving.py`: the same graph and tokenizer behind LitServe, BentoML, Ray Serve and MLflow.

Each has several settings, and the best of them counts: rows that share a pass, worker processes, threads of each. What
a peer answers with is in `PEER_FUNCTION`: tokenizers and ONNX Runtime, and nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PEER_FUNCTION = '''
"""Answers texts with the graph and the tokenizer of a folder."""
import json
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class PeerFunction:
    def __init__(self, folder, threads):
        folder = Path(folder)
        about = json.loads((folder / "about.json").read_text())
        self.name, self.classes, self.temperature = about["input"], about["classes"], about["temperature"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(about["max_length"])
        self.pad_id = about["pad_id"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # As in ours: a thread that spins between passes takes the core that the server needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, ["CPUExecutionProvider"])

    def encoded(self, texts):
        rows = [one.ids for one in self.tokenizer.encode_batch_fast(texts)]
        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self.pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, :len(row)], mask[place, :len(row)] = row, 1
        return {f"{self.name}.ids": ids, f"{self.name}.mask": mask}

    def __call__(self, texts):
        (logits,) = self.session.run(None, self.encoded(texts))
        scores = logits / self.temperature
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        return [{"label": self.classes[i], "confidence": float(row[i])}
                for row, i in zip(scores, scores.argmax(axis=1).tolist())]
'''

LITSERVE = """
import sys
import litserve
from peer_function import PeerFunction

FOLDER, PORT, ROWS, WORKERS, THREADS = sys.argv[1], *map(int, sys.argv[2:6])

class Api(litserve.LitAPI):
    def setup(self, device): self.function = PeerFunction(FOLDER, THREADS)
    def predict(self, given):
        if isinstance(given, list): return self.function([one["text"] for one in given])
        return self.function([given["text"]])[0]

if __name__ == "__main__":
    api = Api(max_batch_size=ROWS, batch_timeout=0.002 if ROWS > 1 else 0.0)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=WORKERS, fast_queue=True)
    server.run(host="127.0.0.1", port=PORT, num_api_servers=1, generate_client_file=False, log_level="error",
               access_log=False)
"""

BENTOML = """
import os
import bentoml
from peer_function import PeerFunction

FOLDER, ROWS, WORKERS, THREADS = os.environ["PEER_FOLDER"], *map(int, os.environ["PEER_SETTINGS"].split())

@bentoml.service(workers=WORKERS, traffic={"timeout": 60})
class Answering:
    def __init__(self): self.function = PeerFunction(FOLDER, THREADS)

    @bentoml.api(batchable=ROWS > 1, **({"max_batch_size": ROWS, "max_latency_ms": 10_000} if ROWS > 1 else {}))
    def answer(self, texts: list[str]) -> list[dict]: return self.function(texts)
"""

RAY = """
import sys, time
import ray
from ray import serve
from peer_function import PeerFunction

FOLDER, PORT, ROWS, WORKERS, THREADS = sys.argv[1], *map(int, sys.argv[2:6])

@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=256, ray_actor_options={"num_cpus": 0.1})
class Answering:
    def __init__(self): self.function = PeerFunction(FOLDER, THREADS)

    @serve.batch(max_batch_size=max(ROWS, 1), batch_wait_timeout_s=0.002)
    async def batched(self, texts): return self.function(texts)

    async def __call__(self, request):
        text = (await request.json())["text"]
        return await self.batched(text) if ROWS > 1 else self.function([text])[0]

if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", object_store_memory=100_000_000)
    serve.start(http_options={"host": "127.0.0.1", "port": PORT})
    serve.run(Answering.bind(), route_prefix="/answer")
    while True: time.sleep(60)
"""

MLFLOW = """
import os
import mlflow
from peer_function import PeerFunction

class Model(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.function = PeerFunction(os.environ["PEER_FOLDER"], int(os.environ["PEER_SETTINGS"].split()[2]))
    def predict(self, context, model_input, params=None):
        return self.function([str(text) for text in model_input])

mlflow.models.set_model(Model())
"""

MLFLOW_SAVE = """
import sys
import mlflow
mlflow.pyfunc.save_model(sys.argv[1], python_model="server.py", code_paths=["peer_function.py"], pip_requirements=[])
"""


@dataclass(frozen=True)
class Setting:
    """One way to set a peer: rows that share a pass, worker processes, threads of each."""

    rows: int
    workers: int
    threads: int

    def __str__(self) -> str:
        sharing = f"batches of {self.rows}" if self.rows > 1 else "one by one"
        return f"{sharing}, {self.workers} × {self.threads} threads"


@dataclass(frozen=True)
class Peer:
    """A peer: its package, its script, its path, how a text is asked, and how it is started."""

    package: str
    script: str
    path: str
    ready: str
    body: Callable[[str], object]
    command: Callable[[Path, Path, int, Setting], list[str]]  # of its environment, its folder, its port
    settings: tuple[Setting, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: str | None = None  # a script that runs once before, with the name of a folder to make

    def bodies(self, texts: list[str]) -> list[str]:
        """Return the bodies of requests for texts."""
        return [json.dumps(self.body(text)) for text in texts]


BATCHES = (Setting(32, 1, 2), Setting(32, 2, 1), Setting(1, 2, 1), Setting(1, 1, 2))


def _script(environment: Path, folder: Path, port: int, setting: Setting) -> list[str]:
    numbers = (port, setting.rows, setting.workers, setting.threads)
    return [str(environment / "bin/python"), "server.py", str(folder), *map(str, numbers)]


PEERS = {
    "LitServe": Peer(
        "litserve", LITSERVE, "/predict", "/health", lambda text: {"text": text}, _script, BATCHES
    ),
    "BentoML": Peer(
        "bentoml",
        BENTOML,
        "/answer",
        "/readyz",
        lambda text: {"texts": [text]},
        lambda environment, _, port, __: [
            *(str(environment / "bin/bentoml"), "serve", "server:Answering"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        BATCHES,
        {"BENTOML_DO_NOT_TRACK": "True"},
    ),
    "Ray Serve": Peer(
        "ray",
        RAY,
        "/answer",
        "/-/healthz",
        lambda text: {"text": text},
        _script,
        BATCHES,
        {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1"},
    ),
    "MLflow": Peer(
        "mlflow",
        MLFLOW,
        "/invocations",
        "/ping",
        lambda text: {"inputs": [text]},
        lambda environment, _, port, setting: [
            *(str(environment / "bin/mlflow"), "models", "serve", "-m", "saved", "-h", "127.0.0.1"),
            *("-p", str(port), "--env-manager", "local", "-w", str(setting.workers)),
        ],
        tuple(one for one in BATCHES if one.rows == 1),  # it has no batches
        prepare=MLFLOW_SAVE,
    ),
}
