"""Some tokens of a project's rows, as its decoder will read and write them: by these its channels are made alike."""

from __future__ import annotations

import onnx

from modelwright.core.messages import RequestError
from modelwright.kinds.shared.schemas.written_order import answer_text
from modelwright.package import content
from modelwright.package.body import Body
from modelwright.runtime.drivers.decode.cached_graph import GRAPH
from modelwright.runtime.drivers.decode.decode_settings import DecodeSettings
from modelwright.runtime.drivers.decode.prompts import TOKENIZER, Prompts
from modelwright.storage.formats.examples import Examples

_TOKENS = 2000  # in all
_PIECE = 200  # of a row, from its beginning on
_ROWS = 200  # that are looked at: short ones are many, and some may have no prompt


def pieces(body: Body, examples: Examples) -> list[list[int]]:
    """Return tokens of rows spaced evenly, each from its prompt's first on; none where no row has a prompt.

    body: of the driver `decode`. A row that the template has no texts for is passed over, as learning leaves it out.
    """
    settings = DecodeSettings.of(body)
    logits = next(
        one
        for one in onnx.load_from_string(content.whole(body.graphs[GRAPH])).graph.output
        if one.name == "logits"
    )
    words = logits.type.tensor_type.shape.dim[1].dim_value
    prompts = Prompts(body.signature, settings.prompt, body.files[TOKENIZER], words, settings.tools)
    most = min(_PIECE, settings.context)
    some = examples.spaced(_ROWS)
    output = body.signature.outputs[0].name
    found: list[list[int]] = []
    for place in range(len(some)):
        row = {field.name: some.columns[field.name][place] for field in body.signature.inputs}
        truth = some.columns[output][place]
        try:
            ids = prompts.ids(row)
        except RequestError:
            continue
        if truth is not None:
            ids = [*ids, *prompts.written_ids(answer_text(str(truth), settings.answer_schema))]
        if ids:
            found.append([*ids, *settings.ends[:1]][:most])
    return _spaced(found)


def _spaced(found: list[list[int]]) -> list[list[int]]:
    """Return as many pieces as have together the tokens that are looked at, evenly spaced over all."""
    mean = sum(map(len, found)) / max(1, len(found))
    count = min(len(found), max(1, round(_TOKENS / max(1.0, mean))))
    return [found[place * len(found) // count] for place in range(count)] if found else []
