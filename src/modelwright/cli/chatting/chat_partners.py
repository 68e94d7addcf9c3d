"""Who `chat` talks with: a function that is opened here, or one that a gateway serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import ClassVar

from modelwright import kinds
from modelwright.client.client import Client
from modelwright.client.connecting import connect
from modelwright.core.json_types import Json
from modelwright.core.messages import Problem, ProjectError, RequestError
from modelwright.core.signature import Signature
from modelwright.gateway.http.openai.fitting import CHAT, Fitting, fitting
from modelwright.gateway.limits import read_json
from modelwright.kinds.contract.common import Answer
from modelwright.runtime.function import Function

_TIMEOUT_S = 300.0  # of one answer of a gateway
_DEPTH, _ITEMS = 20, 1000  # of the JSON of an option


def options_of(words: Sequence[str]) -> dict[str, Json]:
    """Return the options that `name=value` words give; a value is JSON, or else a text. Raises ProjectError."""
    found: dict[str, Json] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip():
            raise ProjectError(Problem("chat.option-form", text=word[:60]))
        try:
            found[name.strip()] = read_json(text.encode(), max_depth=_DEPTH, max_items=_ITEMS)
        except RequestError:
            found[name.strip()] = text
    return found


class Partner(ABC):
    """A function that answers a dialogue or a text by writing.

    breaks_off: whether an answer may be broken off at any instant; else only between two parts of it.
    """

    breaks_off: ClassVar[bool]

    def __init__(self, signature: Signature, *, streams: bool) -> None:
        """Raise ProjectError for a function that is not talked with."""
        found = fitting(signature, CHAT, streams=streams)
        if found is None or not _is_text(found):
            raise ProjectError(Problem("chat.no-partner", signature=str(signature)))
        self.signature = signature
        self.fitting = found

    @abstractmethod
    def answers(self, given: object, options: Mapping[str, Json]) -> Generator[Answer | None, None, None]:
        """Yield the answer so far as it is written; None: nothing of it yet. Raises ModelwrightError.

        given: the turns, or the text.
        """

    def close(self) -> None:  # noqa: B027 - what is opened here goes with the process
        """End what connects to the partner."""


class PartnerHere(Partner):
    """A function in this process. Its loop is stopped between two steps: what it shares stays whole."""

    breaks_off = False

    def __init__(self, function: Function) -> None:
        super().__init__(function.signature, streams=function.streams)
        self._function = function

    def answers(self, given: object, options: Mapping[str, Json]) -> Generator[Answer | None, None, None]:
        """Yield the answer so far."""
        function = self._function
        unknown = sorted(options.keys() - function.options.keys())
        if unknown:
            raise RequestError(
                Problem("chat.no-option", name=unknown[0][:60], options=sorted(function.options))
            )
        columns = function.rows.columns([function.rows.read({self.fitting.input.name: given})])
        if refused := function.misfits(columns, options):
            raise RequestError(refused[0])
        with closing(function.parts(columns, options)) as parts:
            for part in parts:
                found = [answers[self.fitting.output.name] for answers in part.values()]
                yield found[0] if found else None


class PartnerThere(Partner):
    """A function of a gateway."""

    breaks_off = True

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._function = client[name]
        super().__init__(self._function.signature, streams=True)

    @classmethod
    def at(cls, url: str, key: str | None, name: str | None) -> PartnerThere:
        """Return the function of that name, or the only one; raises ProjectError."""
        client = connect(url, key, timeout_s=_TIMEOUT_S)
        try:
            if name is None:
                names = client.functions()
                if len(names) != 1:
                    raise ProjectError(Problem("chat.several", where=url, functions=list(names)))
                (name,) = names
            return cls(client, name)
        except BaseException:
            client.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def answers(self, given: object, options: Mapping[str, Json]) -> Generator[Answer | None, None, None]:
        """Yield the answer so far."""
        row = {self.fitting.input.name: given}
        for _, prediction in self._function.asking(**options).stream([row]):
            yield prediction.outputs[self.fitting.output.name]


def _is_text(found: Fitting) -> bool:
    kind = kinds.value(found.output.kind)
    return kind.schema().get("type") == "string" and not kind.closed
