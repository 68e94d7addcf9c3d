"""Copies of requests for a version that is only watched: its answers go into the record, and to nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from modelwright.core.json_types import JsonLike
from modelwright.core.messages import RequestError
from modelwright.gateway.telemetry import Telemetry
from modelwright.gateway.traffic import recording
from modelwright.gateway.traffic.recording import Recorder
from modelwright.gateway.traffic.served import Served
from modelwright.gateway.traffic.service_errors import ServiceError
from modelwright.runtime.worker.channel import NO_OPTIONS

MOST_ROWS = 64  # copies under way: more would only wait, and take time from those who want an answer
_TIMED_OUT = 504
_LOG = logging.getLogger(__name__)

Rows = Sequence[tuple[object, ...]]


class Mirror:
    """Asks copies of requests beside the requests, as far as there is room; what finds none is counted."""

    def __init__(
        self, recorder: Recorder, telemetry: Telemetry, private: Collection[str], timeout_s: float
    ) -> None:
        self._recorder = recorder
        self._telemetry = telemetry
        self._private = private
        self._timeout_s = timeout_s
        self._rows = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def copy(
        self,
        shadow: Served,
        read: Callable[[], Awaitable[Rows]],
        ids: Sequence[str],
        begun: float,
        options: Mapping[str, JsonLike] = NO_OPTIONS,
    ) -> None:
        """Ask `shadow` what it would answer, without waiting; `read` returns the rows as that version reads them.

        begun: when the request arrived (perf_counter). From then on its latency counts, as the request's own does, or
        of two versions that take the same the one that gets copies would look quicker.
        """
        if self._rows and self._rows + len(ids) > MOST_ROWS:
            self._telemetry.not_mirrored(len(ids))
            return
        self._rows += len(ids)
        task = asyncio.get_running_loop().create_task(self._ask(shadow, read, ids, begun, options))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(
        self,
        shadow: Served,
        read: Callable[[], Awaitable[Rows]],
        ids: Sequence[str],
        begun: float,
        options: Mapping[str, JsonLike],
    ) -> None:
        code, read_at = 500, time.perf_counter()
        try:
            rows = await read()
            begun += time.perf_counter() - read_at  # the request has been read once before, and that counts
            async with asyncio.timeout(self._timeout_s):
                reply = await shadow.pool.answer(rows, options)
        except TimeoutError:
            code = _TIMED_OUT
        except (RequestError, ServiceError) as error:
            code = error.status
        except Exception:
            _LOG.exception("a copy for version %d", shadow.version)
        else:
            assert reply.answers is not None
            bodies = [shadow.answer_json(one, answer) for one, answer in zip(ids, reply.answers, strict=True)]
            for place, names in reply.unseen:
                bodies[place]["unseen"] = names
            seconds = time.perf_counter() - begun
            self._recorder(
                recording.answered(
                    shadow,
                    rows,
                    reply.answers,
                    bodies,
                    self._private,
                    seconds,
                    written=reply.written(),
                    mirrored=True,
                )
            )
            return
        finally:
            self._rows -= len(ids)
        self._recorder(recording.failed(shadow, ids, code, time.perf_counter() - begun, mirrored=True))
