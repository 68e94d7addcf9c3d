"""Answers held to a schema: how many of the finished ones parse and fit, and what a mask costs a token.

    python benchmarks/structured.py [--pretrained smollm2] [--threads 1] [--most 160] [--texts 10] [--free 2]

Ten texts about each of twenty forms (`structured_forms`), answered by a decoder in 8 bits, drawn at temperature 0.8.
Each finished answer is parsed, and validated by another library (jsonschema-rs) than the one that held it to its schema
(llguidance). Beside it stand the same prompts without a schema, two a form, with the schema in words. What a mask costs
is stated by the clock, and in time of the processor, which other programs do not lengthen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs

from modelwright import kinds, learners
from modelwright.core.signature import Signature
from modelwright.kinds.contract.common import Answer, Form, Role
from modelwright.learners.exporting.decoder import stored_bits
from modelwright.learners.exporting.decoder.decoder_body import decoder_body
from modelwright.learners.generate import prompt_pieces
from modelwright.learners.generate.spec import GenerateOptions
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.runtime.drivers.contract.driver import Call
from modelwright.runtime.drivers.decode.answer_masks import AnswerMask
from modelwright.runtime.drivers.decode.driver import DecodeDriver, RunningDecode
from structured_forms import FORMS, TEXTS

MOST_MASK_MS = 0.2


def opened(pretrained: str, threads: int) -> RunningDecode:
    """Return a decoder in 8 bits on weights that are fetched or lie in a folder."""
    signature = Signature.parse("fill(text: text) -> form: text")
    bring = learners.bring("generate")
    assert bring is not None
    with tempfile.TemporaryDirectory() as folder:
        bring.prepare(GenerateOptions(pretrained=pretrained), Path.cwd(), Path(folder))
        weights = DecoderWeights.read(Path(folder))
    body = decoder_body(
        signature,
        {
            "text": kinds.arrays("text").fit([], form=Form.PROMPT),
            "form": kinds.arrays("text").fit([], role=Role.OUTPUT),
        },
        weights.tensors,
        weights.config,
        weights.tokenizer,
        prompt_pieces.pieces(signature, weights.template),
        weights.ends,
        context=1024,
        slots=len(TEXTS),
    )
    small = stored_bits.store(body, 8)
    assert small is not None
    running = DecodeDriver().open(small, threads)
    assert isinstance(running, RunningDecode)
    return running


def timed(method: Callable[..., Any], spent: list[tuple[float, float]]) -> Callable[..., Any]:
    """Return a method that also notes the seconds of each call: by the clock, and of the processor."""

    def call(*given: Any) -> Any:
        started, worked = time.perf_counter(), time.thread_time()
        found = method(*given)
        spent.append((time.perf_counter() - started, time.thread_time() - worked))
        return found

    return call


def answers(running: RunningDecode, prompts: Sequence[str], most: int, **options: Any) -> list[Answer]:
    """Return what is written, ten at once."""
    asked = {"max_tokens": most, "temperature": 0.8, "seed": list(range(len(prompts))), **options}
    (*_, last) = running.run(Call({}, {"text": prompts}, asked))
    return list(last.answers["form"])


def verdict(answer: Answer, schema: dict[str, Any]) -> str:
    """Return what became of an answer: cut, no JSON, beside the schema, or whole."""
    if (answer.details or {}).get("finish") != "stop":
        return "cut"
    try:
        value = json.loads(str(answer.value))
    except ValueError:
        return "no JSON"
    return "whole" if jsonschema_rs.is_valid(schema, value, validate_formats=True) else "beside"


def main() -> None:
    """Write, count, time, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pretrained", default="smollm2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=int, default=160, help="tokens of an answer")
    parser.add_argument("--texts", type=int, default=len(TEXTS), help="texts a form")
    parser.add_argument("--free", type=int, default=2, help="texts a form that are asked without a schema")
    given = parser.parse_args()
    running = opened(given.pretrained, given.threads)
    chosen: list[tuple[float, float]] = []
    taken: list[tuple[float, float]] = []
    AnswerMask.may_come = timed(AnswerMask.may_come, chosen)  # type: ignore[method-assign]
    AnswerMask.take = timed(AnswerMask.take, taken)  # type: ignore[method-assign]
    held: Counter[str] = Counter()
    free: Counter[str] = Counter()
    seconds = {"held": 0.0, "free": 0.0}
    tokens = {"held": 0, "free": 0}
    first_s: list[float] = []
    for about, schema in FORMS.items():
        texts = [one.format(about=about) for one in TEXTS[: given.texts]]
        prompts = [f"Fill in the form “{about}” as JSON.\n{text}" for text in texts]
        started = time.perf_counter()
        answers(running, prompts[:1], 1, schema=schema)
        first_s.append(time.perf_counter() - started)
        told = [f"{one}\nJSON schema: {json.dumps(schema)}"[:2500] for one in prompts[: given.free]]
        for name, counts, asked, options in (
            ("held", held, prompts, {"schema": schema}),
            ("free", free, told, {}),
        ):
            if not asked:
                continue
            started = time.perf_counter()
            found = answers(running, asked, given.most, **options)
            seconds[name] += time.perf_counter() - started
            tokens[name] += sum(int(str((one.details or {}).get("tokens", 0))) for one in found)
            counts.update(verdict(one, schema) for one in found)
            for one in found:
                if name == "held" and verdict(one, schema) not in {"whole", "cut"}:
                    print(f"{about}: {verdict(one, schema)}: {one.value}")
    clock_ms, own_ms = (1e3 * sum(one[which] for one in (*chosen, *taken)) / len(taken) for which in (0, 1))
    masks = [1e3 * one for one, _ in chosen]
    for name, counts in (("held to the schema", held), ("free", free)):
        print(f"{name}: {sum(counts.values())} answers, {dict(counts)}")
    for name, count in tokens.items():
        if not count:
            continue
        print(f"{name}: {count} tokens, {count / seconds[name]:.1f} tokens/s, prompts included")
    print(
        f"mask: {own_ms:.3f} ms of the processor a token, {clock_ms:.3f} ms by the clock ({len(taken)} tokens; "
        f"of a mask alone the median is {statistics.median(masks):.3f} ms, and the worst in a hundred "
        f"{statistics.quantiles(masks, n=100)[-1]:.3f} ms), bar {MOST_MASK_MS}"
    )
    print(
        f"first token of a schema that is new, its prompt included: median {statistics.median(first_s):.2f} s"
    )
    assert held.keys() <= {"whole", "cut"}, "a finished answer that does not fit"
    assert own_ms <= MOST_MASK_MS, "masks are too slow"


if __name__ == "__main__":
    main()
