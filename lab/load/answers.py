"""What is read of the answers to a send and a list: no more than the ledger needs."""

import msgspec


class Answer(msgspec.Struct):
    """What is read of the answer to a send."""

    seq: int


class Item(msgspec.Struct):
    """What is read of a listed message."""

    seq: int
    id: str
    from_user_id: int
    to_user_id: int


class Listed(msgspec.Struct):
    items: list[Item]


read_answer = msgspec.json.Decoder(Answer).decode
read_listed = msgspec.json.Decoder(Listed).decode
