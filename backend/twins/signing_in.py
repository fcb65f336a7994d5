"""Who is calling, as most FastAPI applications find out: a dependency that decodes the token each time."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import jwt
from fastapi import Depends

from backend.access import Access, bearer
from backend.errors import unauthorized
from wire.tokens import ALGORITHM

IN_EFFECT = {"token_cache": "off"}


def current_user(secret: str, access: Access) -> Callable[[str | None], Awaitable[int]]:
    """A dependency that gives the user id. Raises Refusal (401)."""

    async def user_id(token: Annotated[str | None, Depends(bearer)]) -> int:
        if token is None:
            raise unauthorized("Not authenticated.")
        try:
            payload = jwt.decode(token, secret, algorithms=[ALGORITHM])
        except jwt.ExpiredSignatureError:
            raise unauthorized("The token has expired.") from None
        except jwt.InvalidTokenError:
            raise unauthorized("Invalid token.") from None
        if payload["kind"] != "access":
            raise unauthorized("Invalid token.")
        user = int(payload["sub"])
        access.refuse_disabled(user)
        return user

    return user_id
