"""What both ORM twins share: the statements, and the answer made of a mapped row."""

from uuid import UUID

from sqlalchemy import Executable, Pool, QueuePool, Select, select
from sqlalchemy.dialects.postgresql import insert

from backend.bodies import MessageOut, MessagePage
from backend.errors import Refusal
from backend.twins.models import Dialog, Message
from wire.message import DialogMessage


def size_of(pool: Pool) -> int:
    """How many connections it may open."""
    assert isinstance(pool, QueuePool)
    return pool.size()


def message_with_id(dialog_id: UUID, identifier: UUID) -> Select[Message]:
    """What this id stored before."""
    return select(Message).where(Message.dialog_id == dialog_id, Message.id == identifier)


def new_dialog(dialog_id: UUID, me: int, user_id: int) -> Executable:
    """A dialog without messages, unless somebody made it just now."""
    return (
        insert(Dialog)
        .values(dialog_id=dialog_id, user_low=min(me, user_id), user_high=max(me, user_id), last_seq=0)
        .on_conflict_do_nothing()
    )


def page_of(dialog_id: UUID, limit: int, before: int | None, after: int | None) -> Select[Message]:
    """One row more than the page, to know whether there is another."""
    query = select(Message).where(Message.dialog_id == dialog_id).limit(limit + 1)
    if after is not None:
        return query.where(Message.seq > after).order_by(Message.seq)
    if before is not None:
        query = query.where(Message.seq < before)
    return query.order_by(Message.seq.desc())


def check_same(row: Message, me: int, content: str) -> None:
    """Raises Refusal (409) when the id holds something else."""
    if row.from_user_id != me or row.content != content:
        raise Refusal(409, "id: holds another message of this dialog already.")


def answer(row: Message) -> MessageOut:
    """The row with its long names."""
    return MessageOut(
        dialog_id=row.dialog_id,
        seq=row.seq,
        id=row.id,
        from_user_id=row.from_user_id,
        to_user_id=row.to_user_id,
        content=row.content,
        created_at=row.created_at.timestamp(),
    )


def page(rows: list[Message], limit: int) -> MessagePage:
    """The page of rows that were asked one too many."""
    items = [answer(row) for row in rows[:limit]]
    return MessagePage(items=items, next=items[-1].seq if len(rows) > limit else None)


def hint(row: Message, way: list[float] | None) -> DialogMessage:
    """What the broker carries."""
    return DialogMessage(
        row.dialog_id,
        row.seq,
        row.id,
        row.from_user_id,
        row.to_user_id,
        row.content,
        row.created_at.timestamp(),
        way,
    )
