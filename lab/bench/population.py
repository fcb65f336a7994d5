"""Users and dialogs to send to and to list, and the requests for them as bytes."""

import json
import random

import asyncpg
from uuid_utils.compat import uuid7

from wire.message import dialog_id_of
from wire.tokens import Tokens

USERS = 2_000
SENDERS = 200
PARTNERS = 20  # of each sender: most sends are to a dialog that exists, as in life
LISTED = 50  # dialogs with LONG messages
LONG = 60
LIST_LIMIT = 20
CONTENT = "See you at eight, or a little later if the train is late again."  # 63 characters

MAKE_USERS = """
INSERT INTO "user" (username, first_name, last_name, password_hash)
SELECT 'bench' || n, 'First' || n, 'Last' || n, '!' FROM generate_series(1, $1) AS n
RETURNING id
"""
MAKE_DIALOGS = """
INSERT INTO dialog (dialog_id, user_low, user_high, last_seq) VALUES ($1, $2, $3, $4)
"""
MAKE_EMPTY_DIALOGS = """
INSERT INTO dialog (dialog_id, user_low, user_high)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])
ON CONFLICT DO NOTHING
"""
MAKE_MESSAGES = """
INSERT INTO dialogmessage (dialog_id, seq, id, from_user_id, to_user_id, content)
SELECT $1, s, gen_random_uuid(), $2, $3, $5 FROM generate_series(1, $4) AS s
"""


class Population:
    """`send()` and `page()` are the next request, chosen by the seed."""

    def __init__(
        self, pairs: list[tuple[int, int]], listed: list[tuple[int, int]], secret: str, seed: int
    ) -> None:
        tokens = Tokens(secret)
        self._pairs = pairs
        self._choice = random.Random(seed)
        self._tokens = {user: tokens.make(user, 86_400).encode() for user, _ in pairs + listed}
        self._content = json.dumps(CONTENT).encode()
        self._pages = [
            b"GET /api/v1/dialog/%d/list/?limit=%d HTTP/1.1\r\nhost: b\r\nauthorization: Bearer %s\r\n\r\n"
            % (other, LIST_LIMIT, self._tokens[me])
            for me, other in listed
        ]

    def send(self) -> bytes:
        """A message from one of the senders to one of its partners, with an id of its own."""
        me, other = self._choice.choice(self._pairs)
        body = b'{"id":"%s","content":%s}' % (str(uuid7()).encode(), self._content)
        return (
            b"POST /api/v1/dialog/%d/create/ HTTP/1.1\r\nhost: b\r\nauthorization: Bearer %s\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
            % (other, self._tokens[me], len(body), body)
        )

    def page(self) -> bytes:
        """The newest messages of a long dialog."""
        return self._choice.choice(self._pages)


async def make(database: asyncpg.Connection, secret: str, seed: int) -> Population:
    """Insert them."""
    ids = [row[0] for row in await database.fetch(MAKE_USERS, USERS)]
    listed = list(zip(ids[:LISTED], ids[-LISTED:], strict=True))
    for me, other in listed:
        dialog_id = dialog_id_of(me, other)
        await database.execute(MAKE_DIALOGS, dialog_id, me, other, LONG)
        await database.execute(MAKE_MESSAGES, dialog_id, me, other, LONG, CONTENT)
    choice = random.Random(seed)
    pairs = [(me, other) for me in ids[:SENDERS] for other in choice.sample(ids[SENDERS:], PARTNERS)]
    await database.execute(
        MAKE_EMPTY_DIALOGS,
        [dialog_id_of(me, other) for me, other in pairs],
        [min(pair) for pair in pairs],
        [max(pair) for pair in pairs],
    )
    await database.execute("ANALYZE")
    return Population(pairs, listed, secret, seed)
