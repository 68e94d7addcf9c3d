"""Exports matching: a graph that makes a vector of a question, and the vectors of the passages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from modelwright import kinds
from modelwright.core import digests
from modelwright.core.json_types import JsonLike
from modelwright.core.messages import Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Field, Signature
from modelwright.kinds.contract.common import Array
from modelwright.learners.contract.export import Compressor, Export
from modelwright.learners.contract.learn import Predicted
from modelwright.learners.contract.source import Rows
from modelwright.learners.exporting import int8, network_graph
from modelwright.learners.finetune.export import FinetuneExport
from modelwright.learners.indexing import indexed_body
from modelwright.learners.indexing.indexed_body import PassageVectors
from modelwright.learners.match.pairs import kept_vectors
from modelwright.learners.match.spec import is_of_pairs
from modelwright.learners.networks.encoders.contract import ARRAYS, Encoder
from modelwright.learners.training import learned_folder
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.package.content import Content
from modelwright.package.graphs import open_session
from modelwright.runtime import machine
from modelwright.runtime.drivers.index.driver import GRAPH, VECTOR
from modelwright.runtime.drivers.index.index_settings import DRIVER
from modelwright.runtime.searching import clustered_index
from modelwright.runtime.searching.clustered_index import ClusteredIndex
from modelwright.runtime.searching.vector_index import SCALES, VECTORS, in_eight_bits
from modelwright.storage.formats.corpus import Corpus
from modelwright.storage.kept_blocks import KeptBlocks

_OF_PAIRS = FinetuneExport()  # of two texts, whose network is one as every other
MANY = 200_000  # passages, from which on clusters are looked through: all take some 20 ms a question
_BATCH = 32  # passages that are encoded at once, of like length
_BLOCK = 64  # such batches, whose lengths are looked at together, and whose vectors are kept together
_MOST_KEPT_BYTES = 2 * 2**30  # of vectors in the cache of a project


class _Normal(nn.Module):
    """An encoder whose vectors have length 1."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return vectors (batch, d)."""
        return functional.normalize(self.encoder(*arrays), dim=-1)


class MatchExport(Export):
    """Makes one graph of the encoder, and encodes the passages with it."""

    def export(self, learned: Path) -> Body:
        """Return the body without passages, `indexed` gives it some; of two texts, that of the network."""
        read = learned_folder.read(learned)
        if is_of_pairs(read.signature):
            return _OF_PAIRS.export(learned)
        question, _ = read.signature.inputs
        form = kinds.arrays(question.kind).input_form
        assert form is not None
        names = [f"{question.name}.{array}" for array in ARRAYS[form]]
        encoder = _Normal(read.network.encoder_of(question.name))
        graph = network_graph.traced(encoder.eval(), read, [question], names, [VECTOR])
        signature = Signature(read.signature.name, (question,), read.signature.outputs)
        states = {one.name: read.states[one.name] for one in (question, *signature.outputs)}
        return Body(signature, DRIVER, {GRAPH: graph}, states)

    def compress(self, body: Body) -> Body | None:
        """Return the body with the weights of its graph in 8 bits; the vectors of the passages stay as they are."""
        return int8.compress(body)

    def compress_on(self, body: Body, rows: Callable[[], Rows]) -> Body | None:
        """Return what `compress` does; of two texts, with its head fitted again."""
        return _OF_PAIRS.compress_on(body, rows) if is_of_pairs(body.signature) else self.compress(body)

    def compressor(self, body: Body, rows: Callable[[], Rows]) -> Compressor:
        """Return what makes the one form of an index; of two texts, those of every network."""
        if is_of_pairs(body.signature):
            return _OF_PAIRS.compressor(body, rows)
        return super().compressor(body, rows)

    def indexed(
        self,
        learned: Path,
        body: Body,
        corpus: Corpus,
        validation: Mapping[str, Sequence[object]],
        out: Path,
        threads: int,
        progress: Progress,
        cache: Path | None = None,
    ) -> Body:
        """Return the body with the passages, each with its vector, by the graph that serves."""
        read = learned_folder.read(learned)
        passages, _ = corpus.distinct()
        vectors = _encoded(body, read.signature.inputs, read.states, passages, threads, progress, cache)
        out.mkdir(parents=True, exist_ok=True)
        how, search = kept_vectors(learned)
        clusters = None
        if search == "clusters" or (search == "auto" and len(vectors) >= MANY):
            clusters = clustered_index.built(vectors)
        found = _written(vectors, clusters, out, eight_bits=how == "int8")
        return indexed_body.indexed(body, corpus, found, validation, threads, progress)

    def answered(self, body: Body, predicted: Predicted, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return what the index finds with the vectors of the network; of two texts, what the network says."""
        if is_of_pairs(body.signature):
            return super().answered(body, predicted, inputs)
        (question,), (output,) = body.signature.inputs, body.signature.outputs
        (vectors,) = predicted[output.name].values()
        return {output.name: indexed_body.found_with(body, inputs[question.name], vectors)}


def _written(
    vectors: NDArray[np.float32], clusters: ClusteredIndex | None, out: Path, *, eight_bits: bool
) -> PassageVectors:
    """Write the vectors of the passages (N, d) into a folder, in the order of their clusters where there are some."""
    if clusters is not None:
        vectors = clusters.base.exact(slice(None))
    arrays: dict[str, Array] = {VECTORS: vectors.astype("<f4")}
    if eight_bits:
        whole, scales = in_eight_bits(vectors)
        arrays = {VECTORS: whole, SCALES: scales.astype("<f4")}
    files: dict[str, Content] = {}
    for name, array in arrays.items():
        files[name] = out / Path(name).name
        (out / Path(name).name).write_bytes(array.tobytes())
    if clusters is None:
        return PassageVectors(files, vectors.shape[1], eight_bits)
    settings: dict[str, JsonLike] = {"clusters": len(clusters.centres), "probes": clusters.probes}
    return PassageVectors({**files, **clusters.files()}, vectors.shape[1], eight_bits, settings)


def _encoded(
    body: Body,
    inputs: Sequence[Field],
    states: Mapping[str, object],
    passages: Sequence[str],
    threads: int,
    progress: Progress,
    cache: Path | None,
) -> NDArray[np.float32]:
    """Return the vectors of passages, (N, d); inputs: the question, whose arrays the graph takes, and the passage.

    The vectors of a block of passages follow from their arrays, the graph and what runs it: those that `cache` has are
    taken from there, with the same bits.
    """
    question, passage = inputs
    kind, state = kinds.arrays(passage.kind), states[passage.name]
    session = open_session(body.graphs[GRAPH], threads, f"{GRAPH}.onnx")
    names = [one.name for one in session.get_inputs()]
    runs = [content.digest(body.graphs[GRAPH]), onnxruntime.__version__, machine.instruction_set(), threads]
    kept = None if cache is None else KeptBlocks(cache, _MOST_KEPT_BYTES)
    found: NDArray[np.float32] | None = None
    # a pass has `threads` cores; the other cores make others beside it, each of which gives the same bits as alone
    beside = max(1, machine.cores() // threads)
    with (
        ThreadPoolExecutor(beside, "encoding") as workers,
        progress.task(str(Phrase("work.encoding-passages")), len(passages)) as task,
    ):
        for block in _blocks(passages):
            batches: list[dict[str, Array]] = []
            for places in block:
                encoded = kind.encode([passages[place] for place in places.tolist()], state)
                arrays = {f"{question.name}.{name}": one for name, one in encoded.items()}
                batches.append({name: arrays[name] for name in names})
            key = _key(runs, batches)
            rows = np.concatenate(block)
            # (rows, d), in the order of the batches
            vectors = None if kept is None else _kept_vectors(kept.get(key), len(rows))
            if vectors is None:
                passes = workers.map(lambda batch: session.run([VECTOR], batch)[0], batches)
                vectors = np.concatenate(list(passes))
                if kept is not None:
                    kept.put(key, vectors.astype("<f4").tobytes())
            if found is None:
                found = np.zeros((len(passages), vectors.shape[1]), dtype=np.float32)
            found[rows] = vectors
            task.advance(len(rows))
    if kept is not None:
        kept.trim()
    assert found is not None, "a corpus has passages"
    return found


def _key(runs: Sequence[object], batches: Sequence[Mapping[str, Array]]) -> str:
    """Return the digest of all that the vectors of a block follow from."""
    digest = hashlib.sha256(digests.canonical_json(list(runs)).encode())
    for batch in batches:
        for name, array in batch.items():
            digest.update(digests.canonical_json([name, str(array.dtype), list(array.shape)]).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _kept_vectors(block: bytes | None, rows: int) -> NDArray[np.float32] | None:
    """Return kept vectors, (rows, d)."""
    return None if block is None else np.frombuffer(block, "<f4").reshape(rows, -1)


def _blocks(passages: Sequence[str]) -> Iterator[list[NDArray[np.int64]]]:
    """Yield the places of passages in batches of like length, a block of passages at a time."""
    every = _BATCH * _BLOCK
    for begin in range(0, len(passages), every):
        sizes = np.array([len(one) for one in passages[begin : begin + every]])
        order = np.argsort(sizes, kind="stable") + begin
        yield [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
