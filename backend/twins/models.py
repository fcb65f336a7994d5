"""The tables as an ORM sees them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, FetchedValue, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The mapper of this twin."""


class User(Base):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    username: Mapped[str] = mapped_column(Text)


class Dialog(Base):
    __tablename__ = "dialog"

    dialog_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_low: Mapped[int] = mapped_column(BigInteger)
    user_high: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)


class Message(Base):
    __tablename__ = "dialogmessage"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012  created_at comes back with the insert

    dialog_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[UUID]
    from_user_id: Mapped[int] = mapped_column(BigInteger)
    to_user_id: Mapped[int] = mapped_column(BigInteger)
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=FetchedValue())
