"""Which token comes next: the likeliest, or one drawn by its probability among the likely ones.

The noise of position p under seed s is number p of a generator that counts (Philox: Salmon et al. 2011): it depends on
nothing else, so that the same seed gives the same text in whatever batch, streamed or not, and after a restart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelwright.runtime.drivers.decode.decode_settings import Sampling

_FAR = 40.0  # nats below the likeliest: e^-40 of a probability can change no draw


def noise(seed: int, position: int) -> float:
    """Return a number in [0, 1), the same whenever it is wanted; seed: 64 bits."""
    # Philox takes a key of 128 bits and a counter of 256, and gives 64 bits, of which a float holds 53
    raw = np.random.Philox(key=seed, counter=position).random_raw()
    return float(raw >> 11) / (1 << 53)


def chosen(
    logits: NDArray[np.float32], sampling: Sampling, seen: NDArray[np.int64], seed: int, position: int
) -> int:
    """Return the next token of one row; logits: (words,); seen: tokens of the prompt and the answer so far."""
    if sampling.repetition_penalty != 1.0:
        logits = penalised(logits, seen, sampling.repetition_penalty)
    if sampling.temperature == 0.0:
        return int(logits.argmax())
    tokens, shares = candidates(logits, sampling)
    # the first whose cumulated share exceeds the draw; rounding may leave the sum below it
    place = np.searchsorted(np.cumsum(shares), noise(seed, position) * shares.sum(), side="right")
    return int(tokens[min(int(place), len(tokens) - 1)])


def penalised(logits: NDArray[np.float32], seen: NDArray[np.int64], penalty: float) -> NDArray[np.float32]:
    """Return logits with those of seen tokens made smaller by a factor (Keskar et al. 2019, section 4.1)."""
    found = logits.copy()
    some = found[seen]
    found[seen] = np.where(some > 0, some / penalty, some * penalty)
    return found


def weighed(
    logits: NDArray[np.float32],
    bias: Sequence[tuple[int, float]],
    written: Sequence[int],
    presence: float,
    frequency: float,
) -> NDArray[np.float32]:
    """Return logits (words,) with the biases added, and less for what the answer has: logit - count·f - [count > 0]·p.

    https://platform.openai.com/docs/api-reference/chat/create, `frequency_penalty`
    """
    found = logits.copy()
    for token, more in bias:
        found[token] += more
    if written and (presence or frequency):
        tokens, counts = np.unique(np.array(written), return_counts=True)  # (k,) each
        found[tokens] -= (frequency * counts + presence).astype(np.float32)
    return found


def candidates(
    logits: NDArray[np.float32], sampling: Sampling
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the tokens that may be drawn and their shares, likeliest first (equal ones: the lower token first).

    The temperature comes first, then the k likeliest, then the fewest that have the share p together (nucleus: Holtzman
    et al. 2020), then those that have the share m of the likeliest one's (min-p).
    """
    scaled = (logits.astype(np.float64) - float(logits.max())) / sampling.temperature  # (words,), 0 at most
    tokens = np.flatnonzero(scaled > -_FAR)
    if 0 < sampling.top_k < len(tokens):
        # the k-th largest; of equal ones all, and then the lower tokens
        least = np.partition(scaled[tokens], -sampling.top_k)[-sampling.top_k]
        tokens = tokens[scaled[tokens] >= least]
    tokens = tokens[np.argsort(-scaled[tokens], kind="stable")]
    if sampling.top_k:
        tokens = tokens[: sampling.top_k]
    shares = np.exp(scaled[tokens])
    shares /= shares.sum()
    if sampling.top_p < 1.0:
        # a token stays where those before it have less than p together: so the first always does
        kept = np.cumsum(shares) - shares < sampling.top_p
        tokens, shares = tokens[kept], shares[kept] / shares[kept].sum()
    if sampling.min_p > 0.0:
        kept = shares >= sampling.min_p * shares[0]
        tokens, shares = tokens[kept], shares[kept] / shares[kept].sum()
    return tokens, shares


def log_shares(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the log-probability of each token, (…, words), of what the body says, whatever is drawn from it."""
    exact = logits.astype(np.float64)
    highest = exact.max(-1, keepdims=True)
    whole: NDArray[np.float64] = exact - highest - np.log(np.exp(exact - highest).sum(-1, keepdims=True))
    return whole
