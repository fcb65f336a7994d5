"""Who takes part: one backend process each, on one database, that differ in these settings only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """`words` is how the page names it; `settings` what its process gets."""

    name: str
    words: str
    settings: dict[str, str]


CONTENDERS = (
    Contender("ours", "ours: group commit on", {"QUERY_PATH": "raw", "GROUP_COMMIT": "on"}),
    Contender("single", "ours: group commit off", {"QUERY_PATH": "raw", "GROUP_COMMIT": "off"}),
    Contender("fastapi_asyncpg", "(c) FastAPI + asyncpg, response models", {"QUERY_PATH": "fastapi_asyncpg"}),
    Contender("orm_async", "(a) SQLAlchemy, async ORM", {"QUERY_PATH": "orm_async"}),
    Contender("orm_sync", "(b) SQLAlchemy, sync ORM on the loop", {"QUERY_PATH": "orm_sync"}),
)
BASE = "fastapi_asyncpg"  # ratios are against this one
COMMON = {"HOP_TIMES": "off"}
