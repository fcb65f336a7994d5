"""A disabled user stops within two seconds: the two lists of them, on a clock of the test."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from backend.access import Access
from backend.errors import Refusal
from backend.pools import DatabaseUnavailable
from websocket_service import close_codes
from websocket_service.database import DatabaseAway
from websocket_service.revocation import Revocation
from wire.tokens import Tokens

ME, PROMISED_SECONDS = 7, 2.0
SLOW_SECONDS = 0.45  # of one look: a database that takes longer does not answer, as far as this goes


class World:
    """A database in which ME is disabled at a moment, and a clock that only waits and looks move."""

    def __init__(self, disabled_at: float, look_seconds: float, fails: int, error: Exception) -> None:
        self.now = 0.0
        self._disabled_at = disabled_at
        self._look_seconds = look_seconds
        self._fails = fails  # so many looks after that moment
        self._error = error

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def fetch(self, _query: str) -> list[tuple[int]]:
        """What a look that begins now brings, when it is over."""
        disabled = self.now >= self._disabled_at
        self.now += self._look_seconds
        if disabled and self._fails:
            self._fails -= 1
            raise self._error
        return [(ME,)] if disabled else []


Watched = tuple[Coroutine[Any, Any, None], list[float]]  # what keeps the list, and when it noticed


def of_the_backend(world: World) -> Watched:
    access = Access(Tokens("x" * 32), world, "")  # type: ignore[arg-type]
    refused: list[float] = []
    look = access.refresh

    async def noticed() -> None:
        await look()
        try:
            access.refuse_disabled(ME)
        except Refusal:
            refused.append(world.now)

    access.refresh = noticed  # type: ignore[method-assign]
    return access.run(), refused


def of_the_sockets(world: World) -> Watched:
    closed: list[float] = []

    def end(code: Any) -> None:
        assert code is close_codes.REVOKED
        closed.append(world.now)

    users = SimpleNamespace(users={ME: SimpleNamespace(sessions=[SimpleNamespace(end=end)])})
    return Revocation(users, world).run(), closed  # type: ignore[arg-type]


LISTS: dict[str, tuple[Callable[[World], Watched], Exception]] = {
    "backend.access": (of_the_backend, DatabaseUnavailable("no")),
    "websocket_service.revocation": (of_the_sockets, DatabaseAway("no")),
}


@pytest.mark.parametrize("module", LISTS)
@pytest.mark.parametrize(("look_seconds", "fails"), [(0.001, 0), (SLOW_SECONDS, 0), (SLOW_SECONDS, 1)])
async def test_a_disabled_user_is_noticed_in_time(
    module: str, look_seconds: float, fails: int, monkeypatch: pytest.MonkeyPatch
):
    watched, error = LISTS[module]
    late = []
    for disabled_at in (tick / 20 for tick in range(1, 80)):
        world = World(disabled_at, look_seconds, fails, error)
        monkeypatch.setattr(f"{module}.asyncio", SimpleNamespace(sleep=world.sleep))
        run, noticed = watched(world)
        running = asyncio.create_task(run)
        while not noticed:
            assert not running.done()
            await asyncio.sleep(0)
        running.cancel()
        late.append(noticed[0] - disabled_at)
    # The promise is for a database that answers: a look that failed costs one more.
    assert max(late) <= PROMISED_SECONDS * (1 + fails)
