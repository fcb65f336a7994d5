"""The bodies of the API as its documentation shows them."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from wire.message import CONTENT_MAX_CHARACTERS

MAX_BODY_BYTES = 65_536  # 4,096 characters escaped as \ud83d\ude00 are 49,152 bytes
MAX_ID = 2**63 - 1
PAGE = 20
MAX_PAGE = 100

# PostgreSQL's text takes any character but NUL; a name without control characters is also printable.
NO_NUL = r"^[^\u0000]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\u0000-\u001f\u007f]+$")]
Username = Annotated[str, StringConstraints(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9_.@-]+$")]
Password = Annotated[str, StringConstraints(min_length=8, max_length=128)]

_MESSAGE = {
    "dialog_id": "00000000-0000-0007-0000-000000000009",
    "seq": 45,
    "id": "0198c3f2-7a51-7c3e-9d1b-2f6a1f0e8b11",
    "from_user_id": 7,
    "to_user_id": 9,
    "content": "See you at eight.",
    "created_at": 1763718000.125,
}


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class ErrorBody(BaseModel):
    """What every error answers."""

    detail: str


class MessageIn(BaseModel):
    """A message to send."""

    model_config = _example(id=_MESSAGE["id"], content=_MESSAGE["content"])

    id: UUID | None = Field(
        None,
        description="Idempotency key, a UUIDv7 made by the client. The same id again answers 200 with "
        "what was stored first. Left out: a new one each time.",
    )
    content: str = Field(min_length=1, max_length=CONTENT_MAX_CHARACTERS, pattern=NO_NUL)


class MessageOut(BaseModel):
    """A stored message."""

    model_config = _example(**_MESSAGE)

    dialog_id: UUID
    seq: int = Field(description="1, 2, 3 ... within the dialog, without gaps, in commit order.")
    id: UUID
    from_user_id: int
    to_user_id: int
    content: str
    created_at: float = Field(description="Unix time in seconds, by the database's clock.")


class MessagePage(BaseModel):
    """A page of a dialog."""

    model_config = _example(items=[_MESSAGE], next=45)

    items: list[MessageOut] = Field(description="Newest first; oldest first when asked with `after`.")
    next: int | None = Field(description="The seq to give as `before` (or `after`) for the next page.")


class UserIn(BaseModel):
    """A new user."""

    model_config = _example(username="ann", first_name="Ann", last_name="Lee", password="correct horse")

    username: Username
    first_name: Name
    last_name: Name
    password: Password


class UserOut(BaseModel):
    """A user as others see it."""

    model_config = _example(id=7, username="ann", first_name="Ann", last_name="Lee")

    id: int
    username: str
    first_name: str
    last_name: str


class UserPage(BaseModel):
    """A page of a search."""

    items: list[UserOut]
    next: str | None = Field(description="To give as `after` for the next page; null: no more.")


class DialogOut(BaseModel):
    """One of my dialogs, and who the other one is."""

    model_config = _example(
        dialog_id=_MESSAGE["dialog_id"],
        user_id=9,
        username="bob",
        first_name="Bob",
        last_name="Ray",
        last_seq=45,
    )

    dialog_id: UUID
    user_id: int
    username: str
    first_name: str
    last_name: str
    last_seq: int


class DialogPage(BaseModel):
    """A page of my dialogs."""

    items: list[DialogOut]
    next: UUID | None = Field(description="To give as `after` for the next page; null: no more.")


class TokensOut(BaseModel):
    """A short-lived access token and what gets the next one."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int = Field(description="Seconds.")


class RefreshIn(BaseModel):
    """A refresh token."""

    refresh_token: str = Field(max_length=4096)


class WhereOut(BaseModel):
    """Where the websockets are."""

    model_config = _example(websockets=["ws://127.0.0.1:8100/ws"])

    websockets: list[str]
