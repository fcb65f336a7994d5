"""What does the way to the database cost: in front of FastAPI, behind it, through an ORM?

Problem: the same endpoint, table, index and durability can cost ten times as much CPU depending on the
layers between route and socket. The slowest of them also blocks the loop.

Plain way, `raw`: prepared SQL through asyncpg, validation by msgspec. That it also commits together what
arrives together is a lever of its own, off on both sides here (GROUP_COMMIT=off). Costs: SQL by hand,
checked by tests that PREPARE every block. Fails loudly when a statement and the schema part ways.

`fastapi`: the same parts behind FastAPI's own routes: dependencies, pydantic, response models; all else is
that of `raw`. Costs: validation and serialisation of each layer. Fails by being a little slow everywhere,
in no single place.

`fastapi_asyncpg`: as such a service is mostly written, without parts of ours: a route with dependencies and
response models, one statement through asyncpg's pool. Costs: the same, and the signature of each token, which
it checks anew, as the ORMs below do. Fails as `fastapi` does.

`orm_async`: SQLAlchemy's async session, the way most FastAPI code is written. Costs: unit of work, identity
map and greenlet switches for each statement. Fails when a lazy attribute is read outside the session.

`orm_sync`: a synchronous session called inside `async def`, as the ancestor did. Costs: the loop stands
still during each statement. Fails as a queue: one request at a time, and everything waits, sockets too.

Different when: a query itself takes milliseconds; then the layers do not matter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from levers.lever import Lever

OWN = ("raw", "fastapi")  # the other paths are twins, see backend/twins
# To store a message, beside a transaction's BEGIN and COMMIT; a page is one statement everywhere.
STATEMENTS = {"raw": 1, "fastapi": 1, "fastapi_asyncpg": 1, "orm_async": 4, "orm_sync": 4}


def other_work(plans: Sequence[Mapping[str, Any]]) -> str:
    """Sides were compared that reach the same row by other statements, or of which one remembers tokens."""
    return "; ".join(filter(None, (_other_statements(plans), _other_tokens(plans))))


def _other_tokens(plans: Sequence[Mapping[str, Any]]) -> str:
    remembered = [plan for plan in plans if plan.get("held", {}).get("TOKEN_CACHE") != "off"]
    paths = {value for plan in remembered for value in plan["values"] if {*plan["values"]} & {*OWN}}
    twins = " and ".join(sorted(paths - {*OWN}))
    return f"{twins} checked the signature of each token, which the other side remembers" if twins else ""


def _other_statements(plans: Sequence[Mapping[str, Any]]) -> str:
    sides = {value: STATEMENTS[value] for plan in plans for value in plan["values"]}
    if len(set(sides.values())) < 2:
        return ""
    most, fewest = max(sides.values()), min(sides.values())
    many = " and ".join(sorted(name for name, count in sides.items() if count == most))
    return (
        f"an ORM reads before it writes: for each message {many} had {most} statements in a transaction, "
        f"the others {fewest}; GROUP_COMMIT is off on both sides"
    )


LEVER = Lever(
    name="query_path",
    question="What does the way to the database cost: in front of FastAPI, behind it, through an ORM?",
    env="QUERY_PATH",
    values=("raw", "fastapi", "fastapi_asyncpg", "orm_async", "orm_sync"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="each layer validates, wraps and copies what the one below has already done",
    sources=("C3",),
    claim="no ORM on the hot path",
    extra_env={"GROUP_COMMIT": "off"},  # only `raw` has it, and it would be taken for the layers
    dishonest_if="the sides run other statements, indexes or durability, or one remembers tokens",
    needs=("sqlalchemy",),
    applies=other_work,
)
