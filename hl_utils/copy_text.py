"""Rows as the text that PostgreSQL's COPY reads: the same bytes go into a database or a file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from argon2.low_level import Type, hash_secret
from numpy.typing import NDArray

from hl_utils.population import Ints, Population
from hl_utils.words import Words

ROWS_PER_BLOCK = 20_000
USERNAME = "user"  # user1, user2, ...: the id is in the name, so load tools need no list


@dataclass(frozen=True)
class Table:
    """One table's rows as blocks of COPY text, each ending in a newline."""

    name: str
    columns: tuple[str, ...]
    rows: int
    blocks: Callable[[], Iterator[bytes]]


def password_hash(password: str, seed: int) -> str:
    """One argon2id hash by OWASP's parameters (19 MiB, 2 passes, 1 lane), the salt from the seed.

    18 ms each: a hash a user would take half an hour for 100,000 users. Shared by all and thus
    fit for made-up people only.
    """
    salt = np.random.default_rng([seed, 0xA760]).bytes(16)
    return hash_secret(
        password.encode(), salt, time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, type=Type.ID
    ).decode()


def tables(population: Population, words: Words, hashed: str) -> list[Table]:
    """user, dialog and dialogmessage, to be copied in this order."""
    plan = population.plan
    return [
        Table(
            "user",
            ("id", "username", "first_name", "last_name", "password_hash", "created_at"),
            plan.users,
            lambda: _users(population, words, hashed),
        ),
        Table(
            "dialog",
            ("dialog_id", "user_low", "user_high", "last_seq"),
            plan.dialogs,
            lambda: _dialogs(population),
        ),
        Table(
            "dialogmessage",
            ("dialog_id", "seq", "id", "from_user_id", "to_user_id", "content", "created_at"),
            plan.messages,
            lambda: _messages(population, words),
        ),
    ]


def escaped(text: str) -> str:
    """A value of COPY's text format."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _stamps(microseconds: Ints) -> NDArray[np.str_]:
    return np.char.add(np.datetime_as_string(microseconds.astype("datetime64[us]")), "+00")


def _slices(count: int) -> Iterator[slice]:
    for start in range(0, count, ROWS_PER_BLOCK):
        yield slice(start, min(start + ROWS_PER_BLOCK, count))


def _block(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _users(population: Population, words: Words, hashed: str) -> Iterator[bytes]:
    first_names = [escaped(name) for name in words.first_names]
    last_names = [escaped(name) for name in words.last_names]
    first = population.picks(5, len(first_names))
    last = population.picks(6, len(last_names))
    hashed = escaped(hashed)
    for part in _slices(population.plan.users):
        start = population.plan.first_id + part.start
        stamps = _stamps(population.joined_microseconds[part])
        yield _block(
            [
                f"{start + n}\t{USERNAME}{start + n}\t{first_names[f]}\t{last_names[s]}\t{hashed}\t{at}"
                for n, (f, s, at) in enumerate(
                    zip(first[part].tolist(), last[part].tolist(), stamps.tolist(), strict=True)
                )
            ]
        )


def _dialogs(population: Population) -> Iterator[bytes]:
    low, high = population.pairs
    for part in _slices(population.plan.dialogs):
        yield _block(
            [
                f"{a:016x}{b:016x}\t{a}\t{b}\t{n}"
                for a, b, n in zip(
                    low[part].tolist(), high[part].tolist(), population.last_seq[part].tolist(), strict=True
                )
            ]
        )


def _messages(population: Population, words: Words) -> Iterator[bytes]:
    texts = [escaped(text) for text in words.texts]
    said = population.messages(len(texts))
    all_low, all_high = population.pairs
    for part in _slices(population.plan.messages):
        dialog = said.dialog[part]
        low, high, from_low = all_low[dialog], all_high[dialog], said.from_low[part]
        yield _block(
            [
                f"{a:016x}{b:016x}\t{seq}\t{id_high:016x}{id_low:016x}\t{f}\t{t}\t{texts[text]}\t{at}"
                for a, b, seq, id_high, id_low, f, t, text, at in zip(
                    low.tolist(),
                    high.tolist(),
                    said.seq[part].tolist(),
                    said.id_high[part].tolist(),
                    said.id_low[part].tolist(),
                    np.where(from_low, low, high).tolist(),
                    np.where(from_low, high, low).tolist(),
                    said.text[part].tolist(),
                    _stamps(said.at_microseconds[part]).tolist(),
                    strict=True,
                )
            ]
        )
