"""The entry point: run a verb, and turn whatever comes of it into an exit code and one clear message."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from modelwright.cli import quick
from modelwright.cli.problems import report
from modelwright.core.messages import GateError, ModelwrightError

EXIT_FIXABLE, EXIT_GATE, EXIT_FAULT, EXIT_INTERRUPTED = 1, 3, 70, 130


def main() -> None:
    """Answer the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # without Unicode a terminal shows `?`, not a traceback
    sys.exit(answer(sys.argv[1:]))


def answer(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (0, 1, 2, 3, 70, 130); raises nothing."""
    as_json = "--json" in arguments
    try:
        code = quick.answer(arguments)
        code = _run(arguments) if code is None else code
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `modelwright show report | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it leaves
        return EXIT_FIXABLE
    except ModelwrightError as error:
        report(error.problems, as_json=as_json)
        return EXIT_GATE if isinstance(error, GateError) else EXIT_FIXABLE
    except SystemExit:
        raise
    except BaseException as error:  # the last net, for panics of native libraries too: a fault of ours
        from modelwright.cli.faults import mendable, record

        problem = mendable(error)
        if problem is not None:
            report([problem], as_json=as_json)
            return EXIT_FIXABLE
        report([record(error, arguments)], as_json=as_json)
        return EXIT_FAULT


def _run(arguments: Sequence[str]) -> int:
    """Parse the command line in full and run its verb."""
    from modelwright.cli.verbs import app

    try:
        app(args=list(arguments), prog_name="modelwright")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else EXIT_FIXABLE if leaving.code else 0
    return 0


if __name__ == "__main__":
    main()
