"""Answers a message with what other functions say: find, decide what to do, and quote or write with the source."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from modelwright import kinds
from modelwright.core.json_types import Json
from modelwright.core.messages import Problem, RequestError, ValueProblem
from modelwright.core.signature import Field
from modelwright.kinds.contract.common import Answer, Form
from modelwright.kinds.shared.confidence import shares
from modelwright.package.body import Body
from modelwright.runtime.drivers.contract.driver import Call, Driver, Load, Part, Running
from modelwright.runtime.drivers.index.driver import EVIDENCE
from modelwright.runtime.drivers.session import roles
from modelwright.runtime.drivers.session.grounded_prompt import GroundedPrompts
from modelwright.runtime.drivers.session.nested_functions import parted
from modelwright.runtime.drivers.session.quoting import quoted
from modelwright.runtime.drivers.session.roles import (
    ANSWER,
    ASK,
    ENTAILS,
    FIND,
    HAND_OVER,
    POLICY,
    REFUSE,
    REPLY,
)
from modelwright.runtime.drivers.session.session_settings import SURENESS, SessionSettings, bad_settings
from modelwright.runtime.drivers.session.written_replies import WritingReply, WrittenReplies
from modelwright.runtime.function import Answers, Function
from modelwright.runtime.worker.values import PROMPT_IDS

_USER, _ASSISTANT = "user", "assistant"


@dataclass(frozen=True)
class _Query:
    """What one row asks: its question, how often the function has asked back before, and the dialogue as JSON."""

    question: str
    follow_ups: int
    messages: Json


@dataclass(frozen=True)
class _Found:
    """The passages for a question, the best first, and how likely the first is right."""

    choices: Sequence[Mapping[str, Json]]
    confidence: float


@dataclass(frozen=True)
class _Reply:
    """What is done, the sentences that are said, and what is known of them."""

    act: str
    sentences: Sequence[str]
    sources: Sequence[Mapping[str, Json]]
    confidence: float

    def answer(self, most: int | None = None) -> Answer:
        """Return the answer, or its first sentences where `most` is below all of them."""
        ended = most is None or most >= len(self.sentences)
        details: dict[str, Json] = {"act": self.act, "sources": [dict(one) for one in self.sources]}
        text = " ".join(self.sentences[:most])
        return Answer(text, self.confidence, details={**details, **({"finish": "stop"} if ended else {})})


class RunningSession(Running):
    """The opened functions, which calls share."""

    streams: ClassVar[bool] = True

    def __init__(
        self,
        message: Field,
        output: Field,
        settings: SessionSettings,
        functions: Mapping[str, Function],
        writing: WrittenReplies | None,
    ) -> None:
        """Keep the functions; writing: of the one that writes, where there is one."""
        self.inputs = self.outputs = frozenset()
        self.decoded = frozenset({output.name})
        self._message, self._output = message, output.name
        self._settings = settings
        self._find, self._policy = functions[FIND], functions.get(POLICY)
        self._question = kinds.value(self._find.signature.inputs[0].kind)
        self._writing = writing
        if writing is not None:
            # a prompt is written here, and nobody else's is taken for it
            known = writing.function.options.items()
            self.options = {name: schema for name, schema in known if name != PROMPT_IDS}
            self.at_once = writing.function.at_once

    def run(self, call: Call) -> Generator[Part, None, None]:
        """Yield the replies: quotations sentence by sentence, and what is written as it is written.

        A row that `misfits` refuses is not answered (None).
        """
        queries = [self._query(value) for value in call.columns[self._message.name]]
        rows = [row for row, one in enumerate(queries) if isinstance(one, _Query)]
        replies = dict(zip(rows, self._replies([cast("_Query", queries[row]) for row in rows]), strict=True))
        ready = {row: one for row, one in replies.items() if isinstance(one, _Reply)}
        written = {row: one for row, one in replies.items() if isinstance(one, WritingReply)}
        if written:
            yield from self._in_parts(call, self._answers(len(queries), ready, None), written)
            return
        longest = max((len(one.sentences) for one in ready.values()), default=0)
        for most in range(1, longest):
            yield Part(answers={self._output: self._answers(len(queries), ready, most)})
        yield Part(answers={self._output: self._answers(len(queries), ready, None)})

    def misfits(self, call: Call) -> Mapping[int, Problem]:
        """Return which rows ask nothing, or more than is searched for, or cannot be written about."""
        queries = list(map(self._query, call.columns[self._message.name]))
        found = {row: one for row, one in enumerate(queries) if isinstance(one, Problem)}
        questions = {row: one for row, one in enumerate(queries) if isinstance(one, _Query)}
        if self._writing is not None and questions:
            given = {row: (one.question, one.messages) for row, one in questions.items()}
            found |= self._writing.misfits(given, call.options)
        return found

    def load(self) -> Load | None:
        """Return what the function that writes has to do; None without one."""
        return None if self._writing is None else self._writing.function.load()

    def _in_parts(
        self, call: Call, answers: list[Answer], written: Mapping[int, WritingReply]
    ) -> Generator[Part, None, None]:
        """Yield what is written of some rows; answers: of all rows, of which the others are whole at once."""
        assert self._writing is not None, "what is written is written by a function"
        ready = [row for row in range(len(answers)) if row not in written]
        if ready:
            yield Part(answers={self._output: [answers[row] for row in ready]}, rows=ready)
        for part in self._writing.parts(written, call.options):
            for row, answer in part.items():
                answers[row] = answer
            rows = sorted(part)
            yield Part(answers={self._output: [answers[row] for row in rows]}, rows=rows)
        yield Part(answers={self._output: answers})

    def _answers(self, rows: int, replies: Mapping[int, _Reply], most: int | None) -> list[Answer]:
        return [replies[row].answer(most) if row in replies else Answer(None) for row in range(rows)]

    def _query(self, value: object) -> _Query | Problem:
        """Return what a message asks, or why it asks nothing that can be searched for.

        An answer to what the function has asked back is read together with the question that it was asked about.
        """
        plain = None if value is None else cast("Any", kinds.value(self._message.kind)).to_json(value)
        turns: list[dict[str, str]] = (
            [{"role": _USER, "content": plain}] if isinstance(plain, str) else list(plain or ())
        )
        if not turns or turns[-1]["role"] != _USER:
            return Problem("session.no-question", name=self._message.name)
        spoken = [one for one in turns if one["role"] in (_USER, _ASSISTANT)]
        question, times = [spoken[-1]["content"]], 0
        place = len(spoken) - 2
        while place > 0 and spoken[place] == {"role": _ASSISTANT, "content": self._settings.texts.ask}:
            question.insert(0, spoken[place - 1]["content"])
            times, place = times + 1, place - 2
        try:
            found = self._question.parse(" ".join(question))
        except ValueProblem as problem:
            return problem.message
        return _Query(str(found), times, cast("Json", turns))

    def _replies(self, queries: Sequence[_Query]) -> list[_Reply | WritingReply | None]:
        if not queries:
            return []
        (choice,) = self._find.signature.outputs
        answers = self._answered(queries)
        found = [_found(row[choice.name], self._settings.sureness) for row in answers]
        acts = self._acts(queries, found)
        return [self._reply(*one) for one in zip(queries, found, acts, strict=True)]

    def _answered(self, queries: Sequence[_Query]) -> list[Answers]:
        (question,) = self._find.signature.inputs
        return self._find.answer({question.name: [one.question for one in queries]})

    def evidence(self, messages: Sequence[object]) -> NDArray[np.float64]:
        """Return what speaks for the best passage of each message, (n, 3); NaN of one that asks nothing."""
        queries = list(map(self._query, messages))
        rows = [row for row, one in enumerate(queries) if isinstance(one, _Query)]
        found = np.full((len(queries), SURENESS - 1), np.nan)
        if rows:
            (choice,) = self._find.signature.outputs
            answers = self._answered([cast("_Query", queries[row]) for row in rows])
            found[rows] = [_evidence(one[choice.name]) for one in answers]
        return found

    def _acts(self, queries: Sequence[_Query], found: Sequence[_Found]) -> list[str]:
        """Return what to do about each question; nothing is answered where nothing was found."""
        if self._policy is None:
            least = self._settings.answer_from
            acts = [ANSWER if one.confidence >= least else REFUSE for one in found]
        else:
            rows = [
                {
                    "question": one.question,
                    "passage": str(here.choices[0]["passage"]) if here.choices else None,
                    "confidence": here.confidence,
                    "follow_ups": one.follow_ups,
                    "messages": one.messages,
                }
                for one, here in zip(queries, found, strict=True)
            ]
            columns: dict[str, list[object]] = {}
            for field in self._policy.signature.inputs:
                value = kinds.value(field.kind)
                columns[field.name] = [
                    None if row[field.name] is None else value.parse(row[field.name]) for row in rows
                ]
            (act,) = self._policy.signature.outputs
            # a policy that abstains leaves it to a person
            acts = [str(one[act.name].value or HAND_OVER) for one in self._policy.answer(columns)]
        return [
            REFUSE if act == ANSWER and not here.choices else act
            for act, here in zip(acts, found, strict=True)
        ]

    def _reply(self, query: _Query, found: _Found, act: str) -> _Reply | WritingReply | None:
        """Return what is said, or what is to be written; None where the template lacks a role of the dialogue."""
        if act != ANSWER:
            texts = {REFUSE: self._settings.texts.refuse, ASK: self._settings.texts.ask}
            return _Reply(act, [texts.get(act, self._settings.texts.hand_over)], (), found.confidence)
        if self._writing is not None:
            try:
                prompt = self._writing.prompts.of(query.question, query.messages, found.choices)
            except RequestError:
                return None
            return WritingReply(prompt, found.confidence)
        passages = [str(one["passage"]) for one in found.choices]
        sentences = quoted(query.question, passages, self._settings.sentences)
        return _Reply(act, sentences, found.choices[:1], found.confidence)

    def interrupt(self) -> None:
        """Stop what is written; a search ends soon by itself."""
        if self._writing is not None:
            self._writing.function.interrupt()


def _found(answer: Answer, sureness: Sequence[float] | None) -> _Found:
    choices = cast("Sequence[Mapping[str, Json]]", (answer.details or {}).get("choices", ()))
    if answer.value is None:  # what abstains has found nothing that it stands for
        return _Found(choices, 0.0)
    if sureness is None:
        return _Found(choices, 1.0 if answer.confidence is None else answer.confidence)
    # (1, 3) → (1,)
    (sure,) = shares(np.array([_evidence(answer)]), np.array(sureness))
    return _Found(choices, float(sure))


def _evidence(answer: Answer) -> list[float]:
    known = cast("Mapping[str, float]", (answer.details or {}).get("evidence", {}))
    # three numbers, whatever their names: an index and a re-ranking know others
    return [*map(float, known.values())] or [0.0] * len(EVIDENCE)


class SessionDriver(Driver):
    """Opens every function with its own driver."""

    def open(self, body: Body, threads: int) -> Running:
        """Open the functions; raises PackageError where one is not there, or cannot do what it is called for."""
        settings = SessionSettings.read(body.settings)
        if not {FIND} <= settings.functions.keys() <= set(roles.ROLES):
            raise bad_settings("functions", error=f"{sorted(settings.functions)} are not {list(roles.ROLES)}")
        message, output = _fields(body)
        packages = parted(body, settings.functions)
        functions = {role: Function(package, threads) for role, package in packages.items()}
        for role, function in functions.items():
            if roles.unfit(role, function.signature, packages[role].body.driver):
                raise bad_settings(f"functions.{role}", error=f"{function.signature} is no `{role}`")
        if (policy := functions.get(POLICY)) is not None:
            (act,) = policy.signature.outputs
            if unknown := roles.unknown_acts(act, policy.state(act.name)):
                raise bad_settings(f"functions.{POLICY}", error=f"it decides {unknown}")
        writing = None
        if (reply := functions.get(REPLY)) is not None:
            prompts = GroundedPrompts(packages[REPLY], reply, settings.instruct, settings.passages)
            writing = WrittenReplies(reply, prompts, functions.get(ENTAILS))
        return RunningSession(message, output, settings, functions, writing)


def _fields(body: Body) -> tuple[Field, Field]:
    """Return the message and the reply; raises PackageError for another signature."""
    inputs, outputs = body.signature.inputs, body.signature.outputs
    prompts = [one for one in inputs if Form.PROMPT in kinds.arrays(one.kind).input_forms]
    written = [one for one in outputs if kinds.arrays(one.kind).output_form is Form.WRITTEN]
    if not len(inputs) == len(prompts) == len(outputs) == len(written) == 1:
        raise bad_settings("signature", error=f"{body.signature} is not one message and one reply")
    return inputs[0], outputs[0]
