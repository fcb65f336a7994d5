"""Splits a run among the generator's processes."""

import random
from collections import Counter, defaultdict
from uuid import UUID

import numpy as np
from faker.providers.lorem.en_US import Provider as English
from numpy.typing import NDArray

from lab.load.job import Job, Listener
from lab.load.plan import LoadPlan
from lab.load.population import Population
from lab.load.schedule import Schedule
from wire.tokens import Tokens

TOKEN_SECONDS = 3600.0  # at least: no token ends within a run
CONNECTIONS_A_TARGET = 16
WINDOW = 32_768  # bytes that a compressor looks back


def sides_of_users(population: Population, sides: int, seed: int) -> dict[int, int]:
    """User -> the side its sockets are with, so that every side is owed as many deliveries, and has as many
    sockets that are owed none. Which side is dealt to first follows from the seed, in turn.

    A service that delivers more pays less for each. So whoever is owed most is placed first, with the side
    that is owed least; the two of a dialog apart, because a service with both handles one hint for two.
    """
    partners: dict[int, Counter[int]] = defaultdict(Counter)
    for one in population.dialogs:
        partners[one.low][one.high] += 1
        partners[one.high][one.low] += 1
    devices = Counter(population.listeners)
    owed = {user: devices[user] * partners[user].total() for user in population.users}
    order = [(seed + number) % sides for number in range(sides)]
    load, idle = [0] * sides, [0] * sides
    found: dict[int, int] = {}
    for user in sorted(owed, key=lambda one: (-owed[one], one)):
        met = Counter(found[other] for other in partners[user].elements() if other in found)
        if owed[user]:
            side = min(order, key=lambda one: (load[one], met[one]))
        else:
            side = min(order, key=lambda one: idle[one])
            idle[side] += devices[user]
        found[user] = side
        load[side] += owed[user]
    return found


def side_of_devices(plan: LoadPlan, population: Population) -> NDArray[np.uint8] | None:
    """Device -> side; None where all sides share the websocket services: then the send's side counts."""
    targets = list(plan.targets().values())
    if len({one.websockets for one in targets}) == 1:
        return None
    sides = sides_of_users(population, len(targets), plan.seed)
    return np.array([sides[user] for user in population.listeners], dtype=np.uint8)


def texts_of(seed: int, characters: int) -> list[str]:
    """Contents of that length, of English words in random order: zlib makes prose of about 40 %.

    So many that none is still in a socket's window when it comes again, were they all for that socket.
    """
    count = max(16, 2 * WINDOW // characters)
    chance = random.Random(f"{seed} text")
    words = " ".join(chance.choices(English.word_list, k=count * characters // 2))
    return [words[start : start + characters] for start in range(0, count * characters, characters)]


def make_jobs(plan: LoadPlan, population: Population, schedule: Schedule, run: UUID) -> list[Job]:
    """Arrival i and device i go to process i modulo their number."""
    users = population.users
    place = {user: index for index, user in enumerate(users)}
    tokens = Tokens(plan.stack.secret)
    lifetime = max(TOKEN_SECONDS, 2 * (plan.warm_up + plan.duration))
    targets = list(plan.targets().values())
    sides = sides_of_users(population, len(targets), plan.seed)
    listeners = []
    for number, user in enumerate(population.listeners):
        urls = targets[sides[user]].websockets
        if urls:
            first = number // len(targets) % len(urls)
            listeners.append(Listener(number, place[user], [*urls[first:], *urls[:first]]))
    shared = {
        "seed": plan.seed,
        "run": str(run),
        "users": users,
        "tokens": [tokens.make(user, lifetime) for user in users],
        "prefixes": population.first_names,
        "dialogs": [(str(one.id), place[one.low], place[one.high], one.newest) for one in population.dialogs],
        "targets": [list(one.api) for one in targets],
        "certificate": (plan.stack.haproxy or {}).get("certificate", ""),
        "texts": texts_of(plan.seed, plan.content_characters),
        "encoding": plan.encoding,
        "timeout": plan.timeout,
        "in_flight_limit": plan.in_flight_limit,
        "connections": CONNECTIONS_A_TARGET,
        "retries": plan.retries,
    }
    return [
        Job(
            **shared,
            listeners=[one for one in listeners if one.number % plan.processes == process],
            number=np.arange(len(schedule), dtype=np.uint32)[process :: plan.processes].tobytes(),
            due=schedule.due[process :: plan.processes].tobytes(),
            operation=schedule.operation[process :: plan.processes].tobytes(),
            side=schedule.side[process :: plan.processes].tobytes(),
            turn=schedule.turn[process :: plan.processes].tobytes(),
            dialog=schedule.dialog[process :: plan.processes].tobytes(),
            forward=schedule.forward[process :: plan.processes].tobytes(),
            draw=schedule.draw[process :: plan.processes].tobytes(),
        )
        for process in range(plan.processes)
    ]
