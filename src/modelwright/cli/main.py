"""The entry point: run a verb, and turn whatever comes of it into an exit code and one clear message."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

from modelwright.cli import nothing_to_do, standard_streams
from modelwright.cli.problem_texts import report
from modelwright.core import messages
from modelwright.core.exit_codes import Exit
from modelwright.core.messages import GateError, ModelwrightError
from modelwright.runtime.worker.worker_process import start_ahead


def main() -> None:
    """Answer the command line and leave with its exit code."""
    if sys.flags.optimize > 1:
        _keep_docstrings()
    standard_streams.prepare()
    messages.use(messages.preferred(os.environ))
    sys.exit(answer(sys.argv[1:]))


def answer(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (0, 1, 2, 3, 70, 130); raises nothing."""
    as_json = "--json" in arguments
    try:
        code = nothing_to_do.answer(arguments)
        code = _run(arguments) if code is None else code
        with standard_streams.tolerant(sys.stdout, sys.stderr):
            pass  # what is left to write; the exit code is that of the work
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
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
    if arguments[:1] == ["serve"]:
        start_ahead()  # even reading the command line takes as long as a worker's first imports
    from modelwright.cli.verbs import app

    try:
        app(args=list(arguments), prog_name="modelwright")
    except SystemExit as leaving:
        if (
            leaving.code == Exit.FIXABLE
            and {"--help", "--version"} & set(arguments)
            and standard_streams.reader_gone()
        ):
            standard_streams.abandon(sys.stdout)
            return Exit.DONE  # the library's word for a reader that has gone
        return leaving.code if isinstance(leaving.code, int) else Exit.FIXABLE if leaving.code else Exit.DONE
    return Exit.DONE


def _keep_docstrings() -> None:
    """Start again without `-OO`: libraries that learn (LightGBM) read their own docstrings, and fail without them."""
    rest = list(sys.orig_argv[1:])
    for place, word in enumerate(rest):
        if not re.fullmatch(r"-[bBdEIiOPqRsSuvx]+", word):
            break
        rest[place] = re.sub("O+", "O", word)
    # The same program with the same words: nothing of them is read by a shell.
    os.execve(sys.executable, [sys.executable, *rest], {**os.environ, "PYTHONOPTIMIZE": "1"})  # noqa: S606


if __name__ == "__main__":
    main()
