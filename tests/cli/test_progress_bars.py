"""Progress: bars on a terminal, plain lines elsewhere."""

import io
import os
import pty

from modelwright.cli.progress_bars import Lines, OnTerminal, shown


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
        "learn: 60 of 200, 30 %, loss 0.17, 5 s",
        "learn: 110 of 200, 55 %, loss 0.09, 10 s",
        "learn: 160 of 200, 80 %, loss 0.06, 15 s",
    ]


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
