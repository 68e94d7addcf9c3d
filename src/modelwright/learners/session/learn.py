"""Keeps the packages of the functions that a session calls, beside the states of its own kinds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from modelwright.core.messages import Notice, Phrase
from modelwright.core.progress import Progress
from modelwright.core.signature import Signature
from modelwright.core.spacing import evenly_spaced
from modelwright.kinds.contract.common import DECODED, Array
from modelwright.learners import kind_states
from modelwright.learners.contract.learn import Learn, Predicted
from modelwright.learners.contract.setup import Estimate, Setup
from modelwright.learners.contract.source import Rows
from modelwright.learners.session import session_body
from modelwright.learners.session.refusal import UNLEARNED, Refusal, settled
from modelwright.learners.session.spec import SessionOptions, SessionSpec
from modelwright.package import packages
from modelwright.package.packages import Package
from modelwright.runtime import drivers
from modelwright.runtime.drivers.session.driver import RunningSession
from modelwright.runtime.function import Function
from modelwright.runtime.memory import peak_memory_bytes
from modelwright.storage.formats.examples import Examples
from modelwright.storage.formats.plan import BROUGHT, Machine

_TIMED = 10  # messages
_MOST_S = 5.0  # a function that writes takes seconds for a reply: two or three of them tell
_LOOKED_AT_MOST = 2_000  # validation messages that show when nothing is answered
_LOOKED_AT = 200  # messages whose passages are put into a prompt, of which nothing is written


class SessionLearn(Learn[Rows]):
    """Puts the packages together."""

    def forecast(
        self,
        signature: Signature,
        data: Rows,
        options: BaseModel,
        training: BaseModel,
        pretrained: Mapping[str, Path],
        machine: Machine,
        budget_s: float,
    ) -> Estimate:
        """Answer some training rows, and say what is called."""
        assert isinstance(options, SessionOptions)
        folder = pretrained[BROUGHT]
        states = _states(signature, data.train)
        functions = session_body.functions_in(folder)
        body = session_body.body(signature, states, functions, options, Refusal())
        function = Function(Package(body, "", machine.cores))
        (message,) = signature.inputs
        timed, began = 0, time.process_time()
        for row in data.train.columns[message.name][:_TIMED]:
            function.answer({message.name: [row]})
            timed += 1
            if time.process_time() - began > _MOST_S:
                break
        took_s = time.process_time() - began
        return Estimate(
            steps=1,
            batch=1,
            epochs=None,
            seconds=1e-3 + packages.size_bytes(folder) / 1e9,
            memory_bytes=peak_memory_bytes(),
            package_bytes=packages.size_bytes(folder),
            latency_s=took_s / max(1, timed),
            warnings=tuple(_cut(function, data.train.columns[message.name][:_LOOKED_AT])),
            why=Phrase(
                "session.why",
                functions=[one.called(role) for role, one in sorted(options.use.items())],
            ),
        )

    def learn(
        self, signature: Signature, data: Rows, setup: Setup, out: Path, scratch: Path, progress: Progress
    ) -> dict[str, object]:
        """Keep the packages and the options, and let validation say when nothing is answered."""
        assert isinstance(setup.options, SessionOptions)
        session_body.keep(setup, out)
        states = _states(signature, data.train)
        kind_states.write(out, signature, states)
        refusal, notes = _refusal(signature, data, states, setup)
        (out / session_body.REFUSAL).write_text(refusal.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return {"history": [], "warnings": [one.to_wire() for one in notes]}

    def predict(self, learned: Path, inputs: Mapping[str, Sequence[object]]) -> Predicted:
        """Return that nothing is written: what is said follows from the functions that are called."""
        signature, _ = kind_states.read(learned)
        (message,), (reply,) = signature.inputs, signature.outputs
        nothing: Array = np.full(len(inputs[message.name]), None, dtype=object)
        return {reply.name: {DECODED: nothing}}


def _cut(function: Function, messages: Sequence[object]) -> Iterator[Notice]:
    """Yield that passages do not fit into the context of the function that writes, where that is so."""
    if not function.streams or "max_tokens" not in function.options:
        return
    (message,), (output,) = function.signature.inputs, function.signature.outputs
    answers = function.infer({message.name: messages}, options={"max_tokens": 0})[output.name][DECODED]
    count = sum("passages_cut" in (one.details or {}) for one in answers.tolist())
    if count:
        yield Notice("session.passages-cut", count=count, of=len(messages), line="model.passages")


def _refusal(
    signature: Signature, data: Rows, states: Mapping[str, object], setup: Setup
) -> tuple[Refusal, list[Notice]]:
    options = setup.options
    assert isinstance(options, SessionOptions)
    (message,), (reply,) = signature.inputs, signature.outputs
    places = evenly_spaced(len(data.held), _LOOKED_AT_MOST).tolist()
    replies = [data.held.columns[reply.name][place] for place in places]
    unlearned = Refusal(answer_from=UNLEARNED if options.answer_from is None else options.answer_from)
    if all(one is not None for one in replies):
        return unlearned, []
    functions = session_body.functions_in(setup.pretrained[BROUGHT])
    running = drivers.open_body(
        session_body.body(signature, states, functions, options, unlearned), setup.threads
    )
    assert isinstance(running, RunningSession), "the body of a session"
    evidence = running.evidence([data.held.columns[message.name][place] for place in places])
    return settled(evidence, replies, options.answer_from, options.refused_at_most)


def _states(signature: Signature, train: Examples) -> dict[str, object]:
    return kind_states.fit(signature, train, accepted=SessionSpec.inputs)
