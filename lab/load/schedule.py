"""When each arrival is due and what it does: drawn from the seed before the run, so that nothing the
stack does can change it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.load.plan import OPERATIONS, Operation

HAND = 10  # arrivals of one operation that each side gets of every HAND x sides; which they are is chance


@dataclass(frozen=True)
class Schedule:
    """One entry an arrival, by number. `due` counts from the start of the run, warm-up included.

    `dialog` indexes the dialogs used; `forward`: the lower user acts (and sends to the higher); `draw` is
    uniform in [0, 1) for whatever an operation still has to choose.
    """

    due: NDArray[np.float64]
    operation: NDArray[np.uint8]
    side: NDArray[np.uint8]
    turn: NDArray[np.uint32]
    dialog: NDArray[np.uint32]
    forward: NDArray[np.uint8]
    draw: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.due)


def arrivals(rate: float, seconds: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """A Poisson process: the gaps are exponential, so that waiting for one arrival delays no other."""
    room = int(rate * seconds + 8 * (rate * seconds) ** 0.5 + 16)
    due = np.cumsum(generator.exponential(1 / rate, room))
    while due[-1] < seconds:
        due = np.concatenate([due, due[-1] + np.cumsum(generator.exponential(1 / rate, room))])
    return due[due < seconds]


def dealt(operation: NDArray[np.int64], sides: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """The side of each arrival: by chance, and of each operation every side as many, but for a HAND.

    Who gets more arrivals pays less for each: counts that differ by chance would be noise, and the same noise
    for every session with the same seed.
    """
    found = np.zeros(len(operation), dtype=np.uint8)
    hands = np.repeat(np.arange(sides, dtype=np.uint8), HAND)
    for each in np.unique(operation):
        mine = np.flatnonzero(operation == each)
        decks = np.tile(hands, (-(-len(mine) // len(hands)), 1))
        found[mine] = generator.permuted(decks, axis=1).ravel()[: len(mine)]
    return found


def make_schedule(
    rate: float,
    seconds: float,
    seed: int,
    *,
    shares: Mapping[Operation, float],
    sides: int,
    dialogs: int,
) -> Schedule:
    """The whole run. Another rate or mix with the same seed draws other choices; the same plan the same."""
    due = arrivals(rate, seconds, np.random.default_rng([seed, 1]))
    count = len(due)
    names: Sequence[Operation] = list(shares)
    codes = np.array([OPERATIONS.index(name) for name in names], dtype=np.uint8)
    chosen = np.random.default_rng([seed, 2]).choice(len(names), count, p=[shares[name] for name in names])
    side = dealt(chosen, sides, np.random.default_rng([seed, 3]))
    turn = np.zeros(count, dtype=np.uint32)
    for number in range(sides):
        mine = side == number
        turn[mine] = np.arange(mine.sum(), dtype=np.uint32)
    picks = np.random.default_rng([seed, 4])
    return Schedule(
        due,
        codes[chosen],
        side,
        turn,
        picks.integers(0, dialogs, count, dtype=np.uint32),
        picks.integers(0, 2, count, dtype=np.uint8),
        picks.random(count),
    )
