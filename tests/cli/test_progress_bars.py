"""Progress: bars on a terminal, plain lines elsewhere."""

import io
import os
import pty
import re
import subprocess
import sys
import termios
from contextlib import suppress

from modelwright.cli.progress_bars import Lines, OnTerminal, shown
from modelwright.core.progress import LearningTask


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_short_task_prints_nothing_and_a_long_one_a_line_every_few_seconds():
    out, clock = io.StringIO(), Clock()
    with Lines(out, every_s=5, clock=clock).task("learn", total=200) as task:
        for step in range(20):
            clock.now = float(step)
            task.advance(10, note=f"loss {1 / (step + 1):.2f}")
    assert out.getvalue().splitlines() == [
        "learn: 60 of 200, 30 %, loss 0.17, 5 s, about 12 s left",
        "learn: 110 of 200, 55 %, loss 0.09, 10 s, about 9 s left",
        "learn: 160 of 200, 80 %, loss 0.06, 15 s, about 4 s left",
    ]


def test_figures_of_learning_stand_on_the_line_in_one_order_whatever_came_last():
    out, clock = io.StringIO(), Clock()
    with Lines(out, clock=clock).task("learning", total=100) as task:
        assert isinstance(task, LearningTask)
        for step in range(1, 31):
            clock.now = step / 2
            task.seen({"learning-rate": 0.00123, "gradient-norm": 0.8512, "loss": 1 / step}, 64)
            if step == 10:
                task.seen({"validation-error": 0.12, "validation-loss": 0.6119})
            task.advance(1)
    # a line each 10 s, and 64 rows in each half a second
    assert out.getvalue().splitlines() == [
        "learning: 20 of 100, 20 %, loss 0.05, validation 0.612, error 0.12, rate 0.00123, grad 0.851, 128 rows/s, "
        "10 s, about 40 s left"
    ]


def test_what_is_done_at_once_by_a_run_that_goes_on_is_no_pace():
    out, clock = io.StringIO(), Clock()
    with Lines(out, every_s=1, clock=clock).task("learning", total=100) as task:
        task.advance(50)
        clock.now = 1.0
        task.advance(5)
        clock.now = 2.0
        task.advance(5)
    assert out.getvalue().splitlines()[-1] == "learning: 60 of 100, 60 %, 2 s, about 8 s left"


def test_figures_stand_below_the_bar_of_a_real_terminal_of_80_columns():
    code = (
        "import time\n"
        "from modelwright.cli.progress_bars import OnTerminal\n"
        "with OnTerminal().task('learning', total=20_000) as task:\n"
        "    for step in range(30):\n"
        "        task.seen({'loss': 0.53123, 'validation-loss': 0.61211, 'validation-error': 0.123,\n"
        "            'learning-rate': 0.00012, 'gradient-norm': 0.8512}, 10)\n"
        "        task.advance(600)\n"
        "        time.sleep(0.08)\n"
    )
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color"},
    ):
        os.close(follower)
        with suppress(OSError):  # a pseudo-terminal whose other end is closed
            while part := os.read(leader, 4096):
                shown += part
    os.close(leader)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", shown.decode()).splitlines()
    figures = [line.strip() for line in lines if "validation" in line]
    assert figures[-1].startswith("loss 0.531  validation 0.612  error 0.123  rate 0.00012  grad 0.851")
    assert any("rows/s" in line for line in lines)
    # which steps are drawn is a matter of when
    assert any(re.search(r"\b[1-9]\d*00/20000", line) for line in lines)
    assert all(len(line) <= 80 for line in lines), max(lines, key=len)


def test_a_task_of_unknown_length_counts():
    out, clock = io.StringIO(), Clock()
    with Lines(out, every_s=1, clock=clock).task("read") as task:
        clock.now = 2.0
        task.advance(7)
    assert out.getvalue() == "read: 7, 2 s\n"


def test_a_long_time_is_short_to_read():
    out, clock = io.StringIO(), Clock()
    with Lines(out, every_s=1, clock=clock).task("read") as task:
        clock.now = 200.0
        task.advance(7)
    assert out.getvalue() == "read: 7, 3 min 20 s\n"


def test_a_pipe_gets_a_line_of_a_stage_that_took_long_and_none_of_a_short_one():
    out = io.StringIO()
    lines = Lines(out)
    lines.finished("data", "cached", 0.01, "rows: train 9")
    lines.finished("plan", "done", 0.4, "`trees`")
    lines.finished("learn", "done", 200.0, "memory at most 1.2 GB")
    assert out.getvalue() == "✓ learn     done      3 min 20 s  memory at most 1.2 GB\n"


def test_a_terminal_keeps_the_lines_of_finished_stages(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    progress = OnTerminal()
    progress.finished("data", "cached", 0.01, "rows: [train] 9")
    with progress.task("learn", total=2) as task:
        task.advance(1)
        progress.finished("plan", "done", 0.4, "x" * 200)
    shown = capsys.readouterr().err.splitlines()
    assert "= data      cached                rows: [train] 9" in shown
    (plan,) = [line for line in shown if "plan" in line]
    assert plan.startswith("✓ plan      done           0.4 s  xxx")
    assert len(plan) <= 60, "one line a stage"


def test_a_stream_that_is_no_terminal_gets_lines():
    assert isinstance(shown(io.StringIO()), Lines)


def test_a_terminal_gets_bars():
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        assert isinstance(shown(stream), OnTerminal)
    os.close(leader)


def test_bars_open_nest_and_leave(capsys):
    progress = OnTerminal()
    with progress.task("outer", total=2) as outer:
        outer.advance(1, note="[x]")
        with progress.task("inner") as inner:
            inner.advance()
            progress.say("a line with [brackets]")
    assert "a line with [brackets]" in capsys.readouterr().err
