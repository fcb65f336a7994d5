"""Who there is and what they said: the made-up people as arrays, drawn from one seed.

Everything is drawn at once with numpy from small pools of words; asking Faker for each row would
take minutes. The skew is Zipf's: a few users and dialogs carry most of the messages.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

END_MICROSECONDS = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z: fixed, so that rows repeat
SPAN_MICROSECONDS = 30 * 24 * 3600 * 1_000_000  # everything was said within the 30 days before
SESSION_MESSAGES = 8  # people talk in bursts of about this many
GAP_MICROSECONDS = 90 * 1_000_000  # mean pause within a burst
USER_SKEW = 0.8  # exponents of Zipf's law; 0 = all alike
DIALOG_SKEW = 0.9


@dataclass(frozen=True)
class Plan:
    """How many of each, from which seed; the new users get the ids first_id, first_id + 1, ..."""

    users: int
    dialogs: int
    messages: int
    seed: int = 1
    first_id: int = 1

    def __post_init__(self) -> None:
        pairs = self.users * (self.users - 1) // 2
        if self.users < 1:
            raise ValueError(f"--users {self.users}: expected 1 or more")
        if self.dialogs < 0 or self.dialogs > pairs:
            raise ValueError(
                f"--dialogs {self.dialogs}: expected 0 to {pairs}, the pairs that {self.users} users can form"
            )
        if self.messages < 0 or (self.messages > 0 and self.dialogs == 0):
            raise ValueError(f"--messages {self.messages}: expected 0, as there is no dialog to hold them")
        if self.messages < self.dialogs:
            raise ValueError(
                f"--messages {self.messages}: expected at least one for each of the {self.dialogs} dialogs"
            )
        if self.seed < 0:
            raise ValueError(f"--seed {self.seed}: expected 0 or more")


@dataclass(frozen=True)
class Messages:
    """One entry a message, in the order of time; `dialog` points into Population's dialogs."""

    dialog: Ints
    seq: Ints
    from_low: NDArray[np.bool_]
    at_microseconds: Ints
    id_high: NDArray[np.uint64]
    id_low: NDArray[np.uint64]
    text: Ints


class Population:
    """The rows of a plan: the same plan gives the same rows, whatever part is asked for first."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def _random(self, part: int) -> np.random.Generator:
        # first_id is in it, so a second run with one seed makes new message ids.
        return np.random.default_rng([self.plan.seed, self.plan.first_id, part])

    @cached_property
    def joined_microseconds(self) -> Ints:
        """When each user registered: before everything that was said."""
        before = self._random(1).integers(0, 335 * 24 * 3600 * 1_000_000, self.plan.users)
        return np.asarray(END_MICROSECONDS - SPAN_MICROSECONDS - before, np.int64)

    def picks(self, part: int, pool: int) -> Ints:
        """For each user an index into a pool of names."""
        return self._random(part).integers(0, pool, self.plan.users)

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """The two user ids of each dialog, lower first, all different; busy users are in many."""
        low, high = _pairs(self._random(2), self.plan.users, self.plan.dialogs)
        return low + self.plan.first_id, high + self.plan.first_id

    @cached_property
    def last_seq(self) -> Ints:
        """How many messages each dialog holds: at least one, a few hold very many."""
        count = self.plan.dialogs
        if count == 0:
            return np.zeros(0, np.int64)
        random = self._random(3)
        weights = random.permutation(_zipf(count, DIALOG_SKEW))
        return np.asarray(1 + random.multinomial(self.plan.messages - count, weights), np.int64)

    def messages(self, texts: int) -> Messages:
        """All messages, oldest first; seq counts 1, 2, 3 ... in each dialog in that order."""
        random = self._random(4)
        sizes = self.last_seq
        dialog = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        at = _times(random, sizes, dialog)
        order = np.lexsort((at, dialog))
        at = at[order]  # dialog is sorted already and keeps its order
        starts = np.cumsum(sizes) - sizes
        seq = np.arange(1, len(dialog) + 1, dtype=np.int64) - np.repeat(starts, sizes)
        by_time = np.lexsort((seq, dialog, at))
        dialog, seq, at = dialog[by_time], seq[by_time], at[by_time]
        count = len(at)
        milliseconds = (at // 1000).astype(np.uint64)
        version = np.uint64(0x7000)
        variant = np.uint64(1 << 63)
        return Messages(
            dialog=dialog,
            seq=seq,
            from_low=random.random(count) < 0.5,
            at_microseconds=at,
            id_high=(milliseconds << np.uint64(16)) | version | random.integers(0, 1 << 12, count, np.uint64),
            id_low=variant | random.integers(0, 1 << 62, count, np.uint64),
            text=random.integers(0, texts, count),
        )


def _zipf(count: int, exponent: float) -> NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum(), np.float64)


def _pairs(random: np.random.Generator, users: int, wanted: int) -> tuple[Ints, Ints]:
    """`wanted` different pairs of 0 .. users-1, each user drawn by its weight."""
    weights = random.permutation(_zipf(users, USER_SKEW))
    if users * (users - 1) // 2 <= 4 * wanted:
        # So dense that drawing until enough are different would not end: order all pairs by weight.
        low, high = np.triu_indices(users, 1)
        keys = np.log(random.random(len(low))) / (weights[low] * weights[high])
        chosen = np.sort(np.argsort(-keys, kind="stable")[:wanted])
        return np.asarray(low[chosen], np.int64), np.asarray(high[chosen], np.int64)
    edges = np.cumsum(weights)
    edges[-1] = 1.0
    codes: Ints = np.zeros(0, np.int64)
    while len(codes) < wanted:
        drawn = np.searchsorted(edges, random.random((2, 2 * wanted + 16)), side="right")
        low, high = np.minimum(drawn[0], drawn[1]), np.maximum(drawn[0], drawn[1])
        new = (low * users + high)[low != high]
        joined = np.concatenate([codes, new])
        _, first = np.unique(joined, return_index=True)
        codes = joined[np.sort(first)]
    codes = np.sort(codes[:wanted])
    return codes // users, codes % users


def _times(random: np.random.Generator, sizes: Ints, dialog: Ints) -> Ints:
    """A time for each message: bursts somewhere in the span, short pauses within a burst."""
    bursts = -(-sizes // SESSION_MESSAGES)
    starts = random.integers(0, SPAN_MICROSECONDS, int(bursts.sum()))
    first = np.cumsum(bursts) - bursts
    burst = first[dialog] + (random.random(len(dialog)) * bursts[dialog]).astype(np.int64)
    pause = random.exponential(GAP_MICROSECONDS * SESSION_MESSAGES / 2, len(dialog)).astype(np.int64)
    offset = np.minimum(starts[burst] + pause, SPAN_MICROSECONDS - 1)
    return np.asarray(END_MICROSECONDS - SPAN_MICROSECONDS + offset, np.int64)
