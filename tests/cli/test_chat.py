"""A talk in the terminal: typed in a pseudo-terminal, brought by a pipe, with a package and with a gateway."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tiny_writing
from in_process import Said, say
from tiny_serving import linear_body, sealed

from modelwright.cli.chatting.chat_screen import _write
from modelwright.runtime.function import load

Pipe = Callable[..., Said]
ASKED = "How much is one and one?"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_writing.chat(tmp_path_factory.mktemp("chat") / "package", context=16_384)


@pytest.fixture
def pipe(package: Path, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Return what answers lines of a pipe."""

    def answered(lines: str, *words: str) -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        where = () if {"--url", "--package"} & {*words} else ("--package", str(package))
        return say(package.parent, "chat", *where, *words)

    return answered


@pytest.fixture(scope="module")
def answer_to(package: Path) -> Callable[..., str]:
    """Return what answers turns, that of the user first."""
    function = load(package, threads=1)

    def answered(*turns: str) -> str:
        roles = ("user", "assistant")
        return str(
            function([{"role": roles[place % 2], "content": text} for place, text in enumerate(turns)]).reply
        )

    return answered


def test_each_line_of_a_pipe_is_a_turn_and_the_talk_remembers(
    pipe: Pipe, answer_to: Callable[..., str]
) -> None:
    first = answer_to(ASKED)
    second = answer_to(ASKED, first, "And two?")
    assert second != answer_to("And two?")
    done = pipe(f"{ASKED}\n\nAnd two?\n/reset\nAnd two?\n/quit\nnever read\n", "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["answer"] for one in found] == [first, second, answer_to("And two?")]
    assert [one["finish"] for one in found] == ["length"] * 3
    assert "(a new dialogue)" in done.stderr
    shown = pipe(f"{ASKED}\n")
    assert re.sub(r"\\x..|\\u....", "?", shown.stdout).count("\n") >= 1
    assert "cut after 16 tokens" in shown.stderr


def test_the_commands_of_the_page_work(pipe: Pipe) -> None:
    page = (Path(__file__).parents[2] / "docs" / "chat.md").read_text("utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in block.splitlines():
        lines, words = re.fullmatch(r"printf '(.*)' \| modelwright chat ?(.*)", line).groups()  # type: ignore[union-attr]
        done = pipe(lines.replace("\\n", "\n"), *words.split())
        assert done.returncode == 0, done.stderr


def test_options_and_a_first_turn(pipe: Pipe) -> None:
    asked = ["--json", "--option", "max_tokens=3"]
    short, other = (json.loads(pipe(ASKED, *asked, *more).stdout) for more in ([], ["--system", "Be brief."]))
    assert short["tokens"] == other["tokens"] == 3
    assert other["prompt_tokens"] > short["prompt_tokens"]
    for option, problem in (
        ("max_tokens=many", "`max_tokens`"),
        ("most=3", "its options are"),
        ("max_tokens", "NAME=VALUE"),
    ):
        done = pipe(ASKED, "--option", option)
        assert (done.returncode, problem in done.stderr) == (1, True), done.stderr


def test_what_is_not_answered_is_said_and_is_no_turn(pipe: Pipe) -> None:
    long = "x" * 17_000
    done = pipe(f"{long}\n/rest\n{ASKED}\n", "--json")
    assert done.returncode == 1
    assert "16384" in done.stderr.replace(",", "")
    assert "`/rest` is no command" in done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["prompt_tokens"] < 100


def test_a_line_that_is_no_text_is_named_and_left_out(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b"a\n\xff\xfe b\nc\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", lines)
    done = say(package.parent, "chat", "--package", str(package), "--json", "--option", "max_tokens=1")
    assert (done.returncode, done.stdout.count("\n")) == (1, 2)
    assert "line 2 is no text" in done.stderr


def test_only_functions_that_write_are_talked_with(pipe: Pipe, tmp_path: Path) -> None:
    sizes = sealed(linear_body(), tmp_path / "sizes")
    done = pipe("", "--package", str(sizes))
    assert (done.returncode, "does not answer by writing" in done.stderr) == (1, True)
    one = tiny_writing.reply(tmp_path / "reply")
    assert pipe("a\n", "--package", str(one)).returncode == 0
    done = pipe("a\n", "--package", str(one), "--system", "Be brief.")
    assert (done.returncode, "no turns" in done.stderr) == (1, True)
    assert pipe("", "--package", str(one), "--url", "http://127.0.0.1").returncode == 2


def test_nothing_that_a_model_writes_moves_a_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    _write("a\x1b[2J\r\u202eb\n\tc")
    assert capsys.readouterr().out == "a\\x1b[2J\\r\\u202eb\n\tc"


class Terminal:
    """A process in a pseudo-terminal."""

    def __init__(self, *words: str) -> None:
        self.main, other = pty.openpty()
        environment = {**os.environ, "TERM": "dumb", "MODELWRIGHT_LANG": "en", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "modelwright", "chat", *words]
        # Where tests run in the background, their processes ignore Ctrl-C; one in a terminal does not.
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, ignored)
        os.close(other)
        self.seen = ""

    def until(self, pattern: str, again: Callable[[], None] | None = None) -> str:
        """Return what was shown up to a pattern, and leave what follows it; `again` is done until something comes."""
        deadline = time.monotonic() + 60
        while (found := re.search(pattern, self.seen)) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.main], [], [], left if again is None else 0.3)[0]:
                self.seen += os.read(self.main, 1 << 16).decode("utf-8", "replace")
            elif again is not None:
                again()
        shown, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return shown

    def type(self, text: str) -> None:
        os.write(self.main, text.encode())

    def interrupt(self) -> None:
        """Do as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)


@pytest.fixture
def terminal(package: Path) -> Iterator[Terminal]:
    opened = Terminal("--package", str(package), "--option", "max_tokens=1000000")
    yield opened
    opened.close()


def test_in_a_terminal_ctrl_c_stops_the_answer_and_not_the_program(terminal: Terminal) -> None:
    assert "chat(messages: dialogue) -> reply: text" in terminal.until("\n> ")
    terminal.type(f"{ASKED}\n")
    terminal.until(r"one\?\r\n.{8}")  # the answer is being written
    terminal.interrupt()
    assert "(stopped)" in terminal.until("> ")
    # a signal that comes between the prompt and the wait for a key is seen with the next one
    assert "/reset begins anew" in terminal.until("anew.*\n> ", again=terminal.interrupt)
    terminal.type("/reset\n")
    terminal.until(r"\(a new dialogue\)\s+> ")
    terminal.type("\x04")
    assert terminal.process.wait(30) == 0
