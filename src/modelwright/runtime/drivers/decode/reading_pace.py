"""How much of the prompts one step reads: as much as holds up nobody who writes for longer than he would notice."""

from __future__ import annotations

_OVERHEAD_TOKENS = 6
"""What reading takes beside its tokens, in tokens: the weights are read once (SmolLM2-135M in 8 bits, two cores)."""
_OF_A_STEP = 2.0  # times what writing one token of each answer takes
_NOTICED_S = 0.05  # a shorter pause between two tokens is not noticed
_FREE_S = 0.5  # that a piece takes while nobody writes: who comes or leaves meanwhile waits for its end
_LONGEST = 128  # tokens; what is longer takes no less a token
_SHORTEST = 4  # tokens: reading goes on however dear it is
_KEPT = 0.8  # of what is known, after one more time that was taken


class ReadingPace:
    """Learns from what steps take how long a piece of a prompt may be."""

    def __init__(self) -> None:
        self._token_s: float | None = None
        self._step_s: float | None = None

    def has_read(self, tokens: int, seconds: float) -> None:
        """Take to heart how long so many tokens took."""
        self._token_s = _mean(self._token_s, seconds / (tokens + _OVERHEAD_TOKENS))

    def has_written(self, seconds: float) -> None:
        """Take to heart how long one token of each answer took."""
        self._step_s = _mean(self._step_s, seconds)

    def tokens(self, chunk: int, *, someone_writes: bool) -> int:
        """Return how many tokens may be read at once; `chunk` while nothing is known."""
        if self._token_s is None:
            return chunk
        may_take_s = _FREE_S
        if someone_writes:
            if self._step_s is None:
                return chunk
            may_take_s = max(_OF_A_STEP * self._step_s, _NOTICED_S)
        return min(max(int(may_take_s / self._token_s) - _OVERHEAD_TOKENS, _SHORTEST), _LONGEST)

    @staticmethod
    def is_quicker(rows: int, longest: int, one_more: int) -> bool:
        """Tell whether one more row is read sooner beside `rows` of up to `longest` tokens than after them.

        Rows that are read together are as long as the longest, and the weights are read once for all.
        """
        apart = rows * longest + one_more + 2 * _OVERHEAD_TOKENS
        return (rows + 1) * max(longest, one_more) + _OVERHEAD_TOKENS < apart


def _mean(known: float | None, now: float) -> float:
    return now if known is None else _KEPT * known + (1 - _KEPT) * now
