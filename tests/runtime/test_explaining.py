"""What decides an answer: shares that add up, parts that are where they should be."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from file_bodies import picture_body, sound_body, tone
from PIL import Image
from tiny_serving import TYPICAL, linear_body, sealed, table_body, text_body

from modelwright.kinds.image.explain import ImageExplain
from modelwright.kinds.text.explain import MOST_PARTS, TextExplain
from modelwright.kinds.timeseries.explain import TimeseriesExplain
from modelwright.kinds.timeseries.window import TimeWindow
from modelwright.runtime import explaining
from modelwright.runtime.explaining import OutputEffects, explain
from modelwright.runtime.function import Function, load

BODIES = {
    "linear": linear_body,
    "table": table_body,
    "text": text_body,
    "photo": picture_body,
    "sound": sound_body,
}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Function]:
    base = tmp_path_factory.mktemp("explained")
    return {
        name: load(sealed(make(), base / name, TYPICAL if name == "table" else None))
        for name, make in BODIES.items()
    }


def one(function: Function, row: dict[str, object], **options: int) -> OutputEffects:
    (found,) = explain(function, row, **options).outputs
    return found


TABLE = {
    "colour": "1",
    "height": 6.0,
    "marks": frozenset({"7", "urgent"}),
    "fragile": True,
    "sent": None,
    "note": None,
}


def probability(function: Function, row: dict[str, object], label: str) -> float:
    (answer,) = function.answer({name: [value] for name, value in row.items()}, probabilities=True)
    return answer["size"].probabilities[label]


def test_shares_are_the_mean_over_every_order(functions: dict[str, Function]) -> None:
    function = functions["table"]
    found = one(function, TABLE)
    label = found.answer.value
    instead = {effect.name: effect.instead for effect in found.inputs}
    assert instead["colour"] == "red"
    assert instead["fragile"] is None, "its value is the typical one"
    assert found.score == pytest.approx(probability(function, TABLE, label))
    changing = [name for name, value in TABLE.items() if value != instead[name]]
    gains: dict[str, list[float]] = {name: [] for name in TABLE}
    for order in itertools.permutations(changing):
        row = {name: value if name not in changing else instead[name] for name, value in TABLE.items()}
        for name in order:
            before = probability(function, row, label)
            row[name] = TABLE[name]
            gains[name].append(probability(function, row, label) - before)
    for effect in found.inputs:
        assert effect.share == pytest.approx(float(np.mean(gains[effect.name] or [0.0])), abs=1e-9)
        alone = probability(function, {**TABLE, effect.name: effect.instead}, label)
        assert effect.alone == pytest.approx(found.score - alone, abs=1e-9)
        assert effect.error is None


@pytest.mark.parametrize("name", ["linear", "table"])
def test_shares_add_up_to_what_the_answer_differs_by(functions: dict[str, Function], name: str) -> None:
    row = TABLE if name == "table" else {"height": 14.0, "width": 3.0}
    found = one(functions[name], row)
    assert sum(effect.share for effect in found.inputs) == pytest.approx(found.score - found.base)


def test_an_input_that_the_body_does_not_read_has_no_share(functions: dict[str, Function]) -> None:
    found = one(functions["table"], TABLE)
    shares = {effect.name: effect.share for effect in found.inputs}
    assert abs(shares["colour"]) > 0.01
    assert abs(shares["height"]) > 0.01
    assert [shares[name] for name in ("marks", "fragile", "sent", "note")] == [0.0] * 4


def test_random_orders_come_close_and_say_how_close(
    functions: dict[str, Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = one(functions["table"], TABLE)
    monkeypatch.setattr(explaining, "MOST_EXACT", 0)
    whole = explain(functions["table"], TABLE, orders=101, seed=3)
    (found,) = whole.outputs
    assert whole.orders == 102, "each also backwards"
    assert sum(effect.share for effect in found.inputs) == pytest.approx(found.score - found.base)
    for sampled, known in zip(found.inputs, exact.inputs, strict=True):
        if sampled.error is not None:
            assert abs(sampled.share - known.share) <= 5 * sampled.error + 1e-9
    again = explain(functions["table"], TABLE, orders=101, seed=3)
    assert again == whole


def test_a_combination_is_asked_once(functions: dict[str, Function]) -> None:
    assert explain(functions["linear"], {"height": 14.0, "width": 3.0}).rows == 4


def test_a_missing_input_has_no_share_where_nothing_is_typical(functions: dict[str, Function]) -> None:
    (height, width) = one(functions["linear"], {"height": 14.0, "width": None}).inputs
    assert height.share != 0.0
    assert (width.share, width.alone, width.instead) == (0.0, 0.0, None)


def test_the_word_that_decides_weighs_most(functions: dict[str, Function]) -> None:
    function, row = functions["text"], {"question": "does my plan cover dental"}
    found = one(function, row)
    label = found.answer.value
    for part in found.parts["question"]:
        left = " ".join(word for word in row["question"].split() if word != part.part.name)
        expected = found.score - probability(function, {"question": left}, label)
        assert part.effect == pytest.approx(expected, abs=1e-6)
    assert found.wholes["question"] == pytest.approx(found.score)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't, please!", ["Don", "t", "please"]),
        ("今天天气 ok", ["今", "天", "天", "气", "ok"]),
        ("", []),
        ("!!", []),
    ],
)
def test_the_words_of_a_text(text: str, words: list[str]) -> None:
    parts = TextExplain().parts(text)
    assert [part.name for part in parts] == words
    assert [text[part.place["start"] : part.place["end"]] for part in parts] == words


def test_a_long_text_has_groups_of_words() -> None:
    text = " ".join(f"w{n}" for n in range(1001))
    parts = TextExplain().parts(text)
    assert len(parts) == math.ceil(1001 / 6) <= MOST_PARTS
    assert " ".join(part.name for part in parts) == text
    *_, last = TextExplain().without_each(text, parts, None)
    assert last == text[: parts[-1].place["start"]].strip()


def spotted(form: str = "PNG") -> bytes:
    """Return a dark picture that is bright at the lower right."""
    levels = np.full((120, 180), 10, np.uint8)
    levels[80:, 120:] = 250
    content = io.BytesIO()
    Image.fromarray(levels).save(content, form)
    return content.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_heat_map_is_hot_where_the_picture_decides(functions: dict[str, Function], form: str) -> None:
    content = spotted(form)
    found = one(functions["photo"], {"photo": content, "height": None, "marks": None})
    assert found.wholes["photo"] == pytest.approx(found.score, abs=0.02)
    effects = [(part.part, part.effect) for part in found.parts["photo"]]
    strongest = max(effects, key=lambda pair: abs(pair[1]))[0].place
    assert strongest["left"] > 0.5
    assert strongest["top"] > 0.5
    heat = np.asarray(Image.open(io.BytesIO(ImageExplain().picture(content, effects))).convert("RGB"))
    assert heat.shape[:2] == (120 * 1, 180 * 1) or heat.shape[0] * 180 == heat.shape[1] * 120
    colour = np.abs(heat.astype(int)[:, :, 0] - heat.astype(int)[:, :, 2])
    height, width = colour.shape
    assert (
        colour[int(0.8 * height) :, int(0.8 * width) :].mean()
        > 2 * colour[: height // 3, : width // 3].mean()
    )


def test_leaving_a_patch_out_leaves_the_rest_as_it_is(functions: dict[str, Function]) -> None:
    content, facet = spotted(), ImageExplain()
    parts = facet.parts(content)
    whole, *others = facet.without_each(content, parts, functions["photo"].state("photo"))
    before = np.asarray(Image.open(io.BytesIO(whole)))
    for part, other in zip(parts, others, strict=True):
        after = np.asarray(Image.open(io.BytesIO(other)))
        rows, columns = np.nonzero((before != after).any(axis=2))
        if rows.size:
            assert rows.min() >= int(part.place["top"] * 120)
            assert rows.max() <= math.ceil(part.place["bottom"] * 120)
            assert columns.min() >= int(part.place["left"] * 180)
            assert columns.max() <= math.ceil(part.place["right"] * 180)


def test_the_loud_stretch_of_a_sound_weighs_most(functions: dict[str, Function]) -> None:
    loud, soft = tone(0.4, loud=0.9)[44:], tone(0.8, loud=0.0)[44:]
    whole = bytearray(tone(1.2, loud=0.0))
    whole[44:] = soft + loud
    found = one(functions["sound"], {"sound": bytes(whole), "marks": None})
    weights = {part.part.place["start_s"]: abs(part.effect) for part in found.parts["sound"]}
    assert max(weights, key=weights.__getitem__) > 0.7


def test_a_stretch_of_a_series_becomes_a_gap() -> None:
    series, facet = TimeWindow.of([float(n) for n in range(100)], 2), TimeseriesExplain()
    parts = facet.parts(series)
    whole, first, *_ = facet.without_each(series, parts, None)
    assert whole == series
    assert [math.isnan(one) for one in first.flat] == [True] * 6 + [False] * 94
    assert (parts[0].name, parts[-1].place["end"]) == ("1–3", 50)


def test_outputs_of_no_score_are_left_out(functions: dict[str, Function], tmp_path: Path) -> None:
    assert [
        found.output for found in explain(functions["linear"], {"height": 1.0, "width": None}).outputs
    ] == ["size"]
