"""A talk line by line: what a person types, or what a pipe brings, and each answer as it is written."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from types import FrameType

from modelwright.cli import standard_streams
from modelwright.cli.chatting.chat_partners import Partner
from modelwright.cli.problem_texts import report
from modelwright.core.json_types import Json
from modelwright.core.messages import ModelwrightError, Phrase, Problem, ProjectError, visible
from modelwright.kinds.contract.common import Answer

_PROMPT = "> "
_QUIT, _RESET, _HELP = "/quit", "/reset", "/help"


class Talk:
    """The turns so far, and the partner who answers the next one."""

    def __init__(
        self, partner: Partner, options: Mapping[str, Json], system: str | None, *, as_json: bool
    ) -> None:
        """system: a first turn, of a function that takes turns; raises ProjectError of another."""
        if system is not None and not partner.fitting.is_dialogue:
            raise ProjectError(Problem("chat.no-turns", signature=str(partner.signature)))
        self.failed = False  # whether something was not answered
        self._partner = partner
        self._options = options
        self._as_json = as_json
        self._first = [] if system is None else [{"role": "system", "content": system}]
        self._turns = list(self._first)
        self._is_stopped = False

    def hold(self) -> None:
        """Answer line after line, until there are no more."""
        is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        if is_terminal:
            with suppress(ImportError):
                import readline  # noqa: F401 - lines can then be edited
            _note(
                Phrase(
                    "chat.begin",
                    signature=str(self._partner.signature),
                    turns=self._partner.fitting.is_dialogue,
                )
            )
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(
                errors="surrogateescape"
            )  # bytes that are no text are found below, by their line
        for number, line in enumerate(_typed() if is_terminal else _piped(), 1):
            if _has_other_bytes(line):
                report([Problem("chat.not-utf8", line=number)], as_json=False)
                self.failed = True
            elif line == _QUIT:
                return
            if line == _RESET:
                self._turns = list(self._first)
                _note(Phrase("chat.reset"))
            elif line == _HELP or (line.startswith("/") and not line.startswith("//")):
                _note(Phrase("chat.help", unknown=None if line == _HELP else line[:60]))
                self.failed |= line != _HELP and not is_terminal
            elif line.strip():
                self._answer(line.removeprefix("/") if line.startswith("//") else line)

    def _answer(self, text: str) -> None:
        """Show the answer to a text; what was not answered is no turn of the dialogue."""
        turn = {"role": "user", "content": text}
        given = [*self._turns, turn] if self._partner.fitting.is_dialogue else text
        last: Answer | None = None
        self._is_stopped = False
        shown = 0
        try:
            with self._interruptible(), closing(self._partner.answers(given, self._options)) as answers:
                for answer in answers:
                    last = answer or last
                    if answer is not None and not self._as_json:
                        shown += _write(str(answer.value or "")[shown:])
                    if self._is_stopped:
                        break
        except KeyboardInterrupt:
            self._is_stopped = True
        except ModelwrightError as error:
            self._end(shown)
            report(error.problems, as_json=False)
            self.failed = True
            return
        self._end(shown)
        self._take(turn, last)

    def _take(self, turn: dict[str, str], answer: Answer | None) -> None:
        """Keep a turn and its answer, and say how that ended."""
        text = "" if answer is None else str(answer.value or "")
        details = {} if answer is None else dict(answer.details or {})
        if self._as_json:
            stopped = {"finish": "interrupt"} if self._is_stopped else {}
            standard_streams.print_json({"answer": text, **details, **stopped})
        if text:
            self._turns += [turn, {"role": "assistant", "content": text}]
        if self._is_stopped:
            _note(Phrase("chat.stopped", empty=not text))
        elif not text:
            _note(Phrase("chat.empty"))
        elif details.get("finish") in {"length", "time"}:
            _note(Phrase("chat.cut", finish=str(details["finish"]), tokens=details.get("tokens")))

    def _end(self, shown: int) -> None:
        if not self._as_json and (shown or not self._is_stopped):
            _write("\n")

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Within the block Ctrl-C ends the answer, and not the program; a second one ends it at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            if self._is_stopped or self._partner.breaks_off:
                raise KeyboardInterrupt
            self._is_stopped = True

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _typed() -> Iterator[str]:
    """Yield what is typed; Ctrl-C leaves the line, and the end of the input (Ctrl-D) the talk."""
    while True:
        try:
            yield input(_PROMPT)
        except KeyboardInterrupt:
            _write("\n")
            _note(Phrase("chat.help", unknown=None))
        except EOFError:
            _write("\n")
            return


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        yield line.rstrip("\r\n")


def _has_other_bytes(line: str) -> bool:
    """Tell whether a line holds bytes that are no character of its encoding."""
    return any("\udc80" <= one <= "\udcff" for one in line)


def _write(text: str) -> int:
    """Show a piece of an answer, in which nothing moves a cursor; return its length."""
    with standard_streams.tolerant(sys.stdout):
        sys.stdout.write(visible(text))
    return len(text)


def _note(phrase: Phrase) -> None:
    with standard_streams.tolerant(sys.stderr):
        sys.stderr.write(f"{visible(str(phrase))}\n")
