"""Several texts in one sequence: as a tokenizer joins them, alone as in a batch, in the graph as in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tiny_encoder
import torch
from tokenizers import Tokenizer

from modelwright.core.messages import DataError
from modelwright.core.signature import Signature
from modelwright.learners.exporting import network_graph
from modelwright.learners.finetune.spec import FinetuneOptions
from modelwright.learners.networks.encoders.joined_texts import joined, leading_tokens
from modelwright.learners.training import learned_folder
from modelwright.learners.training.encoded_rows import EncodedRows
from modelwright.learners.training.starting_point import COMPARED, starting_point
from modelwright.storage.formats.examples import Examples

SAME = Signature.parse("same(a: text, b: text) -> same: boolean")
PAIRS = [
    ("lost card", "my card is lost"),
    ("fee", "why is money late please"),
    ("a the my bank", ""),
    (None, "fee"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.save(tmp_path_factory.mktemp("joined") / "tiny")


def rows() -> Examples:
    ids = [str(place) for place in range(len(PAIRS))]
    columns = {
        "a": [one for one, _ in PAIRS],
        "b": [other for _, other in PAIRS],
        "same": [True, False, None, True],
    }
    return Examples(ids, columns)


def begun(folder: Path, **options: object):
    weights = {"a": folder, "b": folder}
    begin = starting_point(SAME, rows(), weights, FinetuneOptions(**options).model_dump(), COMPARED)
    return begin, EncodedRows(SAME, begin.states, rows().columns)


def test_texts_are_joined_as_their_tokenizer_joins_them(folder):
    begin, encoded = begun(folder)
    arrays = encoded.arrays(np.arange(len(PAIRS)))
    ids, mask = joined([(arrays[f"{one}.ids"], arrays[f"{one}.mask"]) for one in "ab"], 1)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    wanted = [tokenizer.encode(one or "", other).ids for one, other in PAIRS]
    assert [row[there > 0].tolist() for row, there in zip(ids, mask, strict=True)] == wanted
    assert ids.shape[1] == max(map(len, wanted))
    # nothing stands between tokens
    assert (mask.diff(dim=1) <= 0).all()
    assert leading_tokens((folder / "tokenizer.json").read_bytes()) == 1
    assert begin.network.plan.joined is not None
    assert begin.network.part_inputs == (("a", "b"),)


def test_a_pair_reads_alone_as_among_others_and_each_text_changes_what_is_read_of_the_other(folder):
    begin, encoded = begun(folder)
    network = begin.network.eval()
    together = network.features(encoded.arrays(np.arange(len(PAIRS))))
    alone = torch.cat([network.features(encoded.arrays(np.array([row]))) for row in range(len(PAIRS))])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert network.combiner.width == 16


def test_each_text_by_itself_where_that_is_asked_for_or_more_than_two_are_there(folder):
    begin, encoded = begun(folder, together=False)
    network = begin.network.eval()
    assert network.plan.joined is None
    arrays = encoded.arrays(np.array([0, 1]))
    one, other = network.read(arrays).features
    # side by side, how far they are apart, and what they share
    wanted = torch.cat([one, other, (one - other).abs(), one * other], dim=-1)
    torch.testing.assert_close(network.features(arrays), wanted)
    three = Signature.parse("same(a: text, b: text, c: text) -> same: boolean")
    examples = Examples(rows().ids, {**rows().columns, "c": ["fee"] * 4})
    weights = dict.fromkeys("abc", folder)
    for together, parts in ((None, 3), (True, 1)):
        options = FinetuneOptions(together=together).model_dump()
        assert len(starting_point(three, examples, weights, options, COMPARED).network.part_widths) == parts


def test_an_encoder_has_room_for_all_texts_at_once(folder):
    long = Examples(rows().ids, {**rows().columns, "a": ["card " * 60] * 4, "b": ["card " * 60] * 4})
    begin = starting_point(SAME, long, {"a": folder, "b": folder}, FinetuneOptions().model_dump())
    assert begin.longest == {"a": 16, "b": 16}  # of 32 positions
    encoded = EncodedRows(SAME, begin.states, long.columns)
    begin.network.features(encoded.arrays(np.arange(4)))
    with pytest.raises(DataError, match="at most 16"):
        starting_point(SAME, long, {"a": folder, "b": folder}, FinetuneOptions(max_length=20).model_dump())


# apart, the graph is that of a network with two texts
@pytest.mark.parametrize("together", [True, pytest.param(False, marks=pytest.mark.proof)])
def test_the_graph_reads_two_texts_as_torch_does(folder, tmp_path, together):
    begin, encoded = begun(folder, together=together)
    learned_folder.write(tmp_path / "learned", "finetune", SAME, begin.states, begin.network)
    body = network_graph.export(tmp_path / "learned")
    session = onnxruntime.InferenceSession(body.graphs["model"])
    network = learned_folder.read(tmp_path / "learned").network
    for some in ([0, 1, 2, 3], [1], [3, 2]):  # texts of other lengths than those that were traced
        arrays = encoded.arrays(np.array(some))
        (answers,) = session.run(None, {name: values.numpy() for name, values in arrays.items()})
        with torch.no_grad():
            np.testing.assert_allclose(answers, network(arrays)["same"].numpy(), rtol=1e-4, atol=1e-5)
