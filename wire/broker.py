"""The broker protocol: hints travel from the backend that stored a message to the websocket services.

Postgres is the truth; a hint may be lost, doubled or reordered (docs/glossary.md: hint). What
every broker must still promise is held by one suite, tests/wire/test_broker_contract.py:

- a hint reaches every consumer that has bound either of its two users, and no other;
- the hints of one dialog keep the publisher's order while no connection is lost, and those given
  to one `publish` arrive in one call of the handler (up to BrokerSettings.hints_per_message);
- nothing waits longer than its time limit, whatever the broker does.

Hop times are marked by the caller: the backend marks `published` before it calls `publish`, the
websocket service marks `consumed` in its handler.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from wire.message import DialogMessage

# Called on the consumer's loop with the hints that arrived together. It must only put them into
# local queues and return: when it has returned, the hints count as consumed and may be acked. If it
# raises, the consumer ends: wait_closed() raises the same error.
HintHandler = Callable[[Sequence[DialogMessage]], None]
# Called whenever a connection has been (re)made, with the new generation (1, 2, ...). Between two
# generations hints may have been lost: the service catches up from the database. Hints may arrive
# while it runs. It is cancelled when the connection is lost again; raising ends the consumer.
GenerationHandler = Callable[[int], Awaitable[None]]


class BrokerError(Exception):
    """Base of what a broker raises.

    BrokerError
    +-- BrokerUnavailable   not connected, or the broker refused; the hints were not taken
    +-- PublishTimeout      no confirm in time; the hints may or may not have been taken
    """


class BrokerUnavailable(BrokerError):
    """Not connected, or the broker refused; the hints were not taken."""


class PublishTimeout(BrokerError):
    """No confirm in time; the hints may or may not have been taken."""


class Publisher(Protocol):
    """The backend's side."""

    @property
    def connected(self) -> bool: ...

    @property
    def returned(self) -> int:
        """Messages so far that the broker gave back, because no queue took them: nobody of their users is
        online. 0 for a broker that does not say."""

    async def start(self) -> None:
        """Begin connecting in the background and return at once; a broker that is down is not an error."""

    async def publish(self, hints: Sequence[DialogMessage]) -> None:
        """Hand over hints that are already committed, in order. One call is one batch.

        Returns when the broker has confirmed (or taken, where it knows no confirm); raises
        BrokerUnavailable (at once while not connected) or PublishTimeout. A hint that nobody
        listens for is not an error. Several calls may be under way; they keep their order.
        """

    async def wait_closed(self) -> None:
        """Return after close(); raise what the publisher itself died of. Await it in a task group."""

    async def close(self) -> None: ...


class Consumer(Protocol):
    """The websocket service's side. A hint reaches a consumer that has bound either of its two users.

    `unwanted` counts the hints that the broker brought and that nobody here had bound, or had already come
    by the other user's key: what coarse routing costs.
    """

    unwanted: int

    @property
    def connected(self) -> bool: ...

    @property
    def generation(self) -> int:
        """0 before the first connection, then 1, 2, ... with each (re)connection."""

    async def start(self, on_hints: HintHandler, on_generation: GenerationHandler) -> None:
        """Begin connecting in the background and return at once; bindings are restored on every reconnect."""

    async def bind(self, user_id: int) -> None:
        """Want the hints of this user. Returns when the binding is effective, or at once while disconnected.

        Counted: bind twice, unbind twice. Raises nothing when the broker is away: on_generation will follow.
        """

    async def unbind(self, user_id: int) -> None:
        """The user left: its hints stop at once. The broker may keep its own binding for a while."""

    async def wait_closed(self) -> None:
        """Return after close(); raise what a handler or the consumer itself died of.

        Await it in the service's task group, so that a dead consumer ends the process.
        """

    async def close(self) -> None: ...
