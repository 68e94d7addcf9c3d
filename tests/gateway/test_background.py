"""Work beside the requests goes on whatever it meets, and says once what stays wrong."""

from __future__ import annotations

import asyncio
import logging

import pytest

from modelwright.core.messages import Problem, StateError
from modelwright.gateway.background import keep_doing


def test_work_goes_on_after_errors_of_any_kind(caplog: pytest.LogCaptureFixture) -> None:
    locked = StateError(Problem("live.unusable", where="live.db", error="locked"))
    answers: list[Exception | None] = [locked, locked, RuntimeError("no thread"), locked, None, locked]
    done = asyncio.Event()

    async def work() -> None:
        if not answers:
            done.set()
        elif (error := answers.pop(0)) is not None:
            raise error

    async def watched() -> None:
        going = asyncio.create_task(keep_doing(work, 0.0, logging.getLogger("beside"), "it could not"))
        await asyncio.wait_for(done.wait(), 5)
        assert not going.done()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    asyncio.run(watched())
    said = [("it could not" if one.exc_info else "locked") for one in caplog.records]
    assert said == ["locked", "it could not", "locked", "locked"], "once while it stays the same"
