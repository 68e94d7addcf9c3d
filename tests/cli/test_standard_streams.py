"""Output for programs is the same whatever it is written to; a closed stream or a reader that has gone is no fault."""

import io
import json
import os
import subprocess
import sys

import pytest

from modelwright.cli import standard_streams

PRINTS = "from modelwright.cli import standard_streams; standard_streams.prepare(); "
VALUES = ["分派", "é", "“quoted” → ±", "🙂", "half \udce9", "new\nline", "\x1b[31m", None, 1.5]


def python(program, *, encoding="utf-8", **how):
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=environment, timeout=120, check=True, **how
    )


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "cp1252", "gb18030", "shift_jis"])
def test_json_reads_back_as_utf8_in_any_encoding(encoding):
    done = python(PRINTS + f"standard_streams.print_json({VALUES!r})", encoding=encoding)
    assert done.stderr == b""
    assert json.loads(done.stdout.decode("utf-8")) == VALUES
    assert done.stdout.count(b"\n") == 1


def test_json_is_readable_where_it_can_be(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert standard_streams.json_line({"部门": "账务"}) == '{"部门": "账务"}'


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_screen_loses_no_letter(encoding):
    done = python(PRINTS + "print('账务 ✓ – →')", encoding=encoding)
    assert done.stdout.decode(encoding) == "\\u8d26\\u52a1 ok - ->\n"


def modelwright(*words, shell="{}", **environment):
    command = shell.format(" ".join([sys.executable, "-m", "modelwright", *words]))
    whole = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=whole, check=False)


@pytest.mark.parametrize(
    "shell", ["{} >&-", "{} 2>&-", "{} >&- 2>&- <&-", "{} | true; exit ${{PIPESTATUS[0]}}"]
)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("doctor", "--json"), 0),
        (("doctor",), 0),
        (("--help",), 0),
        (("run", "--json", "--project", "/no/such"), 1),
    ],
)
def test_a_stream_that_nobody_reads_is_no_fault(shell, words, code):
    done = modelwright(*words, shell=shell)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_full_disk_under_the_answer_is_said():
    done = modelwright("doctor", "--json", shell="{} > /dev/full")
    assert done.returncode == 1
    assert "machine.disk-full" in done.stderr


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    """Else what is printed would go into the next file that is opened, such as a database."""
    path = tmp_path / "opened"
    program = f"{PRINTS} file = open({str(path)!r}, 'w'); print('lost', flush=True); file.write(str(file.fileno() > 2))"
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$PROGRAM" >&- 2>&-'],
        env={**os.environ, "PROGRAM": program, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == 0
    assert path.read_text() == "True"


OPTIMISED = """
import sys
from modelwright.cli import main
main.answer = lambda words: print(sys.flags.optimize, main.__doc__ is not None, words)
main.main()
"""


@pytest.mark.parametrize(("flags", "level"), [((), 0), (("-O",), 1), (("-OO",), 1), (("-B", "-sOO"), 1)])
def test_docstrings_stay_for_the_libraries_that_read_them(flags, level):
    done = subprocess.run(
        [sys.executable, *flags, "-c", OPTIMISED, "run", "-OO"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"{level} True ['run', '-OO']\n"


def test_docstrings_stay_where_the_environment_takes_them_away(monkeypatch):
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    test_docstrings_stay_for_the_libraries_that_read_them((), 1)
