"""Users: register, log in, look up, search."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Form, Path, Query
from pydantic import BaseModel, Field

from backend.access import Access
from backend.bodies import MAX_ID, MAX_PAGE, NO_NUL, PAGE, RefreshIn, TokensOut, UserIn, UserOut, UserPage
from backend.errors import Refusal, documented, unauthorized
from backend.passwords import Passwords
from backend.pools import Pool
from backend.reads import Reads
from backend.settings import Settings
from backend.user_reader import UserReader
from wire.tokens import Claims


class LoginForm(BaseModel):
    """As OAuth2's password flow sends it; other fields of it are ignored."""

    username: str = Field(min_length=1, max_length=64, pattern=NO_NUL)
    password: str = Field(min_length=1, max_length=128)


def cursor_of(row: asyncpg.Record) -> str:
    """The position after a found user, opaque to clients."""
    position = [row["first_key"], row["last_key"], row["id"]]
    return urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def position_of(cursor: str) -> tuple[str, str, int]:
    """(first name, last name, id) of a cursor. Raises Refusal (422)."""
    try:
        first, last, user_id = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(first, str) or not isinstance(last, str) or not isinstance(user_id, int):
            raise TypeError
        if "\0" in first + last or not 0 <= user_id <= MAX_ID:
            raise ValueError
        (first + last).encode()
    except (ValueError, TypeError):
        raise Refusal(422, "after: expected the `next` of an earlier page.") from None
    return first, last, user_id


def router(
    settings: Settings,
    access: Access,
    pool: Pool,
    passwords: Passwords,
    *,
    reads: Reads,
    reader: UserReader,
    queries: Mapping[str, str],
) -> APIRouter:
    """The routes of this module."""
    routes = APIRouter(tags=["users"])
    me_of_token = Annotated[Claims, Depends(access.current)]

    def tokens_of(user_id: int) -> TokensOut:
        return TokensOut(
            access_token=access.tokens.make(user_id, settings.access_token_seconds),
            refresh_token=access.tokens.make(user_id, settings.refresh_token_seconds, "refresh"),
            expires_in=int(settings.access_token_seconds),
        )

    @routes.post(
        "/login", responses=documented(400, 401, 413, 422, 429, 503, _401="Wrong user name or password.")
    )
    async def login(form: Annotated[LoginForm, Form()]) -> TokensOut:
        """A token for a user name and a password; takes as long for a name that does not exist."""
        row = await pool.fetchrow(queries["user_credentials"], form.username)
        right = await passwords.verify(row["password_hash"] if row else None, form.password)
        if row is None or not right or row["disabled"]:
            raise unauthorized("Wrong user name or password.")
        return tokens_of(row["id"])

    @routes.post("/refresh", responses=documented(400, 401, 413, 422))
    async def refresh(body: RefreshIn) -> TokensOut:
        """New tokens for a refresh token."""
        return tokens_of(access.claims(body.refresh_token, "refresh").user_id)

    @routes.post(
        "/users/register",
        status_code=201,
        responses=documented(400, 409, 413, 422, 429, 503, _409="This user name is taken."),
    )
    async def register(user: UserIn) -> UserOut:
        """A new user, without any rights but a user's."""
        row = await pool.fetchrow(
            queries["register_user"],
            user.username,
            user.first_name,
            user.last_name,
            await passwords.hash(user.password),
        )
        if row is None:
            raise Refusal(409, "This user name is taken.")
        return UserOut(
            id=row["id"], username=user.username, first_name=user.first_name, last_name=user.last_name
        )

    @routes.get("/users/me", responses=documented(401, 404, 503))
    async def get_me(me: me_of_token) -> UserOut:
        """Who I am."""
        return await reader.user(me.user_id, me.user_id)

    @routes.get("/users/search/", responses=documented(401, 422, 503))
    async def search_users(
        me: me_of_token,
        first_name: Annotated[str, Query(max_length=100, pattern=NO_NUL)] = "",
        last_name: Annotated[str, Query(max_length=100, pattern=NO_NUL)] = "",
        after: Annotated[str, Query(max_length=2000)] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    ) -> UserPage:
        """Users whose names begin so, whatever the case, in the order of their names.

        At least one of the two names is needed.
        """
        first, last, user_id = position_of(after) if after else ("", "", 0)
        if first_name:
            rows = await reads.fetch(
                me.user_id,
                queries["search_by_first_name"],
                first_name,
                last_name,
                limit + 1,
                first,
                last,
                user_id,
            )
        elif last_name:
            rows = await reads.fetch(
                me.user_id, queries["search_by_last_name"], last_name, limit + 1, last, first, user_id
            )
        else:
            raise Refusal(422, "first_name or last_name: expected at least one of them.")
        page = rows[:limit]
        items = [UserOut(id=row[0], username=row[1], first_name=row[2], last_name=row[3]) for row in page]
        return UserPage(items=items, next=cursor_of(page[-1]) if len(rows) > limit else None)

    @routes.get("/users/{user_id}", responses=documented(401, 404, 422, 503))
    async def get_user(me: me_of_token, user_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> UserOut:
        """One user."""
        return await reader.user(user_id, me.user_id)

    return routes
