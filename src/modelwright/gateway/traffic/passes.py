"""A list whose answers are wanted as they come, of a function that answers each row once: pass by pass."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from modelwright.core.messages import Problem, RequestError
from modelwright.runtime.worker.channel import PartReply, Reply
from modelwright.runtime.worker.values import RowAnswer, Unseen

Ask = Callable[[Sequence[Sequence[object]]], Awaitable[Reply]]
_ITEM = "item "


async def in_passes(
    ask: Ask, rows: Sequence[Sequence[object]], most: int
) -> AsyncGenerator[PartReply | Reply, None]:
    """Ask for `most` rows at a time, yield their answers, and the whole reply in the end; raises as `ask`.

    An answer does not depend on its batch, so these are the answers of the whole list. A row with a value that training
    never showed comes with the end alone, which marks it, or where it is refused.
    """
    answers: list[RowAnswer] = []
    unseen: Unseen = []
    queue_s, inference_s, largest = 0.0, 0.0, 0
    for begin in range(0, len(rows), most):
        try:
            reply = await ask(rows[begin : begin + most])
        except RequestError as error:
            raise RequestError([_placed(one, begin) for one in error.problems], error.status) from None
        assert reply.answers is not None
        marked = {place for place, _ in reply.unseen}
        found = {begin + place: one for place, one in enumerate(reply.answers) if place not in marked}
        if found:
            yield found
        answers += reply.answers
        unseen = [*unseen, *([begin + place, names] for place, names in reply.unseen)]
        queue_s += reply.queue_s
        inference_s += reply.inference_s
        largest = max(largest, reply.batch_rows)
    yield Reply(answers, queue_s, inference_s, largest, unseen)


def _placed(problem: Problem, begin: int) -> Problem:
    """Return a problem of some rows with its row's place in the whole list; a row asked alone has none."""
    place = problem.where.removeprefix(_ITEM) if problem.where is not None else "0"
    return problem.at(f"{_ITEM}{begin + int(place)}") if place.isdecimal() else problem
