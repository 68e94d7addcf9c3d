"""Work beside the requests that goes on for as long as a gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from modelwright.core.messages import ModelwrightError


async def keep_doing(
    work: Callable[[], Awaitable[object]], every_s: float, log: logging.Logger, fault: str
) -> NoReturn:
    """Do something again and again until cancelled; what goes wrong once is logged and tried again.

    fault: what is logged, with its trace, of an error that nobody foresaw.
    """
    logged = ""
    while True:
        message = ""
        try:
            await work()
        except ModelwrightError as error:
            message = str(error)
            if message != logged:  # once, not every second while it lasts
                log.error("%s", error)
        except Exception:
            log.exception(fault)
        logged = message
        await asyncio.sleep(every_s)
