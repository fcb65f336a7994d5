"""A page of a dialog, by one of three ways: the keyset that is meant, and two that levers compare it with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

import asyncpg

from backend.reads import Reads
from wire.message import users_of


class History(Protocol):
    """Rows as (seq, id, from_user_id, to_user_id, content, created_at): newest first, oldest with `after`."""

    async def page(
        self, reader: int, dialog_id: UUID, limit: int, before: int | None, after: int | None
    ) -> list[asyncpg.Record]: ...


class Keyset:
    """PAGING=keyset: one probe of the primary key, however deep the page."""

    in_effect: Mapping[str, object] = MappingProxyType({"paging": "keyset", "pair_index": "on"})

    def __init__(self, reads: Reads, queries: Mapping[str, str]) -> None:
        self._reads = reads
        self._newest = queries["history_newest"]
        self._before = queries["history_before"]
        self._after = queries["history_after"]

    async def page(
        self, reader: int, dialog_id: UUID, limit: int, before: int | None, after: int | None
    ) -> list[asyncpg.Record]:
        if before is not None:
            return await self._reads.fetch(reader, self._before, dialog_id, limit, before)
        if after is not None:
            return await self._reads.fetch(reader, self._after, dialog_id, limit, after)
        return await self._reads.fetch(reader, self._newest, dialog_id, limit)


class Offset(Keyset):
    """PAGING=offset: the same pages by counting rows from the end, all of which are read."""

    in_effect = MappingProxyType({"paging": "offset", "pair_index": "on"})

    def __init__(self, reads: Reads, queries: Mapping[str, str]) -> None:
        super().__init__(reads, queries)
        self._before = queries["history_before_by_offset"]
        self._after = queries["history_after_by_offset"]


class Unindexed:
    """PAIR_INDEX=off: by the pair of users as the ancestor asked, which no index serves."""

    in_effect = MappingProxyType({"paging": "keyset", "pair_index": "off"})

    def __init__(self, reads: Reads, queries: Mapping[str, str]) -> None:
        self._reads = reads
        self._newest_first = queries["history_by_pair"]
        self._oldest_first = queries["history_by_pair_after"]

    async def page(
        self, reader: int, dialog_id: UUID, limit: int, before: int | None, after: int | None
    ) -> list[asyncpg.Record]:
        low, high = users_of(dialog_id)
        if after is not None:
            return await self._reads.fetch(reader, self._oldest_first, low, high, limit, after)
        return await self._reads.fetch(reader, self._newest_first, low, high, limit, before)


HISTORIES: dict[str, type[Keyset]] = {"keyset": Keyset, "offset": Offset}  # by the word of PAGING
