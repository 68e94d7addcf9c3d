"""The entry point: run a verb, and turn whatever comes of it into an exit code and one clear message."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from modelwright.cli import nothing_to_do
from modelwright.cli.problem_texts import report
from modelwright.core import messages
from modelwright.core.exit_codes import Exit
from modelwright.core.messages import GateError, ModelwrightError


def main() -> None:
    """Answer the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # without Unicode a terminal shows `?`, not a traceback
    messages.use(messages.preferred(os.environ))
    sys.exit(answer(sys.argv[1:]))


def answer(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (0, 1, 2, 3, 70, 130); raises nothing."""
    as_json = "--json" in arguments
    try:
        code = nothing_to_do.answer(arguments)
        code = _run(arguments) if code is None else code
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # `modelwright show report | head`: the reader has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it leaves
        return Exit.FIXABLE
    except ModelwrightError as error:
        report(error.problems, as_json=as_json)
        return Exit.GATE if isinstance(error, GateError) else Exit.FIXABLE
    except SystemExit:
        raise
    except BaseException as error:  # the last net, for panics of native libraries too
        from modelwright.cli.faults import fixable, record

        problem = fixable(error)
        if problem is not None:
            report([problem], as_json=as_json)
            return Exit.FIXABLE
        report([record(error, arguments)], as_json=as_json)
        return Exit.INTERNAL


def _run(arguments: Sequence[str]) -> int:
    """Parse the command line in full and run its verb."""
    from modelwright.cli.verbs import app

    try:
        app(args=list(arguments), prog_name="modelwright")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else Exit.FIXABLE if leaving.code else Exit.DONE
    return Exit.DONE


if __name__ == "__main__":
    main()
