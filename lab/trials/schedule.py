"""Which sides are measured when. Pure: a seed gives the same schedule on every machine.

Each round measures three sides: `a`, `b`, and `a2`, which has the settings of `a`. So each round
gives a pair A/B and, from the same minute, a pair A/A: the noise floor needs no session of its own.

duet      all three at once; each arrival goes to one of them by chance. They change places (which of the
          three processes is which side) from renewal to renewal, in each of the six orders equally often
abab      three warm stacks in turn, in each of the six orders equally often, shuffled
restart   like abab, with a fresh start before every trial
"""

import itertools
import math
import random
from dataclasses import dataclass
from typing import Literal

from levers.lever import Design

Side = Literal["a", "a2", "b"]
SIDES: tuple[Side, ...] = ("a", "a2", "b")
ORDERS = tuple(itertools.permutations(SIDES))


@dataclass(frozen=True)
class Step:
    """One trial: measure `sides` together. `fresh`: renew the processes (or stacks) before it.

    `place` is the position in its round: 0 was measured first. In a duet the order of `sides` says which
    process is which: the first side lives in the first one.
    """

    number: int
    round: int
    place: int
    sides: tuple[Side, ...]
    fresh: bool


# Rounds with the same processes. In a duet pairs that share their processes are not independent, and a
# renewal takes four seconds; three whole stacks take longer, and evidence.md counts where such a bond shows.
RENEW_EVERY: dict[Design, int] = {"duet": 1, "abab": 3, "restart": 1}


def schedule(design: Design, rounds: int, seed: int, renew_every: int) -> list[Step]:
    """The steps of `rounds` rounds. Every `renew_every` rounds new processes are started (duet and abab),

    so that the luck of one process (memory layout, hash seed, core) is not taken for the lever.
    """
    if rounds < 1 or renew_every < 1:
        raise ValueError(f"rounds={rounds}, renew_every={renew_every}: expected 1 or more")
    if design == "duet":
        orders = balanced_orders(math.ceil(rounds / renew_every), seed)
        return [Step(n, n, 0, orders[n // renew_every], n % renew_every == 0) for n in range(rounds)]
    steps: list[Step] = []
    for number, order in enumerate(balanced_orders(rounds, seed)):
        for place, side in enumerate(order):
            fresh = design == "restart" or (place == 0 and number % renew_every == 0)
            steps.append(Step(len(steps), number, place, (side,), fresh))
    return steps


def balanced_orders(rounds: int, seed: int) -> list[tuple[Side, ...]]:
    """An order of the sides for each round: every six rounds hold each order once, shuffled.

    The longer of two sessions with one seed begins as the shorter, so that a look at 12 rounds and one
    at 30 see the same first rounds. In every two rounds A and B begin once each.
    """
    chooser = random.Random(seed)
    orders: list[tuple[Side, ...]] = []
    while len(orders) < rounds:
        a_first = [order for order in ORDERS if order.index("a") < order.index("b")]
        b_first = [order for order in ORDERS if order.index("a") > order.index("b")]
        chooser.shuffle(a_first)
        chooser.shuffle(b_first)
        for pair in zip(a_first, b_first, strict=True):
            two = list(pair)
            chooser.shuffle(two)
            orders += two
    return orders[:rounds]
