"""The ledger finds what is planted, exactly, and calls clean what is clean."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.load.ledger import Applied, Books, Read, Received, Sent, Stored, balance

USERS = {0: (1, 2), 1: (1, 3), 2: (4, 5)}
DEVICES = [1, 2, 2, 3, 4]  # user 2 has two, user 5 none


def honest(sends: int, seed: int) -> Books:
    """A run in which all is as promised."""
    chance = random.Random(seed)
    newest = {dialog: chance.randrange(5) for dialog in USERS}
    dialogs = [(*USERS[dialog], newest[dialog]) for dialog in USERS]
    sent, stored, received, applied = [], [], [], []
    for number in range(sends):
        dialog = chance.randrange(3)
        newest[dialog] += 1
        pair = USERS[dialog] if chance.random() < 0.5 else USERS[dialog][::-1]
        sent.append(Sent(number, dialog, *pair, due=number / 10, seq=newest[dialog]))
        stored.append(Stored(dialog, newest[dialog], number, *pair))
        for device, user in enumerate(DEVICES):
            if user in pair:
                at = number / 10 + 0.01
                received.append(Received(device, dialog, newest[dialog], number, at))
                applied.append(Applied(device, dialog, newest[dialog], number, at))
    return Books(dialogs, DEVICES, sent, stored, received, applied)


@given(st.integers(0, 60), st.integers(0, 1000))
def test_honest_run_is_clean(sends, seed):
    books = honest(sends, seed)
    ledger = balance(books)
    assert ledger.clean and ledger.examples == []
    assert (ledger.sends, ledger.acknowledged, ledger.stored) == (sends, sends, sends)
    assert ledger.owed == ledger.delivered == len(books.applied)


def _lose_a_row(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    assert books.stored is not None
    row = books.stored[place % len(books.stored)]
    return replace(books, stored=[one for one in books.stored if one != row]), {"acknowledged_not_stored": 1}


def _answer_otherwise(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    sent = list(books.sent)
    place %= len(sent)
    sent[place] = replace(sent[place], seq=(sent[place].seq or 0) + 1)
    return replace(books, sent=sent), {"answered_otherwise": 1}


def _lose_a_delivery(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    received, applied = list(books.received), list(books.applied)
    place %= len(applied)
    del received[place], applied[place]
    return replace(books, received=received, applied=applied), {"not_delivered": 1}


def _repeat_on_the_wire(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    received = list(books.received)
    received.append(received[place % len(received)])
    return replace(books, received=received), {"duplicates_on_wire": 1}


def _apply_twice(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    applied = list(books.applied)
    applied.append(applied[place % len(applied)])
    return replace(books, applied=applied), {"duplicates_after_client": 1}


def _misroute(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    one = list(books.received)[place % len(list(books.received))]
    stranger = next(d for d, user in enumerate(DEVICES) if user not in USERS[one.dialog])
    return replace(books, received=[*books.received, replace(one, device=stranger)]), {"misrouted": 1}


def _apply_another_message(books: Books, place: int) -> tuple[Books, dict[str, int]]:
    applied = list(books.applied)
    place %= len(applied)
    applied[place] = replace(applied[place], number=999_999)
    return replace(books, applied=applied), {"answered_otherwise": 1}


PLANTS: list[Callable[[Books, int], tuple[Books, dict[str, int]]]] = [
    _lose_a_row,
    _answer_otherwise,
    _lose_a_delivery,
    _repeat_on_the_wire,
    _apply_twice,
    _misroute,
    _apply_another_message,
]


@pytest.mark.parametrize("plant", PLANTS)
@settings(max_examples=40)
@given(seed=st.integers(0, 1000), place=st.integers(0, 10_000))
def test_what_is_planted_is_found(plant, seed, place):
    books, expected = plant(honest(40, seed), place)
    ledger = balance(books)
    for name, count in expected.items():
        assert getattr(ledger, name) == count
    assert ledger.clean == (plant is _repeat_on_the_wire), "only what the client drops may be left out"
    assert ledger.clean or ledger.examples


@given(st.integers(0, 1000), st.integers(0, 10_000))
def test_swapped_deliveries_are_found_on_the_wire_and_after_the_client(seed, place):
    books = honest(60, seed)
    applied, received = list(books.applied), list(books.received)
    pairs = [
        (a, b)
        for a, one in enumerate(applied)
        for b, other in enumerate(applied[a + 1 :], a + 1)
        if (one.device, one.dialog, one.seq + 1) == (other.device, other.dialog, other.seq)
    ]
    a, b = pairs[place % len(pairs)]
    for rows in (applied, received):
        rows[a], rows[b] = rows[b], rows[a]
    ledger = balance(replace(books, applied=applied, received=received))
    assert not ledger.clean
    assert ledger.out_of_order_on_wire == 1 and ledger.gaps_on_wire == 1
    assert ledger.out_of_order_after_client >= 2
    assert ledger.not_delivered == ledger.duplicates_after_client == 0


def test_client_that_puts_the_wire_in_order_is_clean():
    books = honest(60, 1)
    received = list(books.received)
    random.Random(1).shuffle(received)
    ledger = balance(replace(books, received=received))
    assert ledger.clean and ledger.out_of_order_on_wire > 0


def test_unanswered_send_that_is_stored_is_no_loss_but_is_owed():
    books = honest(20, 3)
    sent = [replace(books.sent[0], seq=None), *books.sent[1:]]
    ledger = balance(replace(books, sent=sent))
    assert ledger.clean
    assert (ledger.stored_not_acknowledged, ledger.acknowledged, ledger.sends) == (1, 19, 20)
    assert ledger.owed == len(books.applied)


def test_unanswered_send_that_is_not_stored_is_no_loss():
    books = honest(20, 3)
    ledger = balance(replace(books, sent=[*books.sent, Sent(20, 0, 1, 2, 2.0, None)]))
    assert ledger.clean and ledger.sends == 21


def test_missing_seq_in_the_database_is_found():
    books = honest(20, 3)
    assert books.stored is not None
    last = max(one.seq for one in books.stored if one.dialog == 0)
    jumped = [
        replace(one, seq=last + 3) if (one.dialog, one.seq) == (0, last) else one for one in books.stored
    ]
    assert balance(replace(books, stored=jumped)).seq_gaps_in_database == 3


def test_row_that_nobody_sent_is_found():
    books = honest(5, 3)
    assert books.stored is not None
    extra = replace(books.stored[-1], number=77, seq=books.stored[-1].seq + 1)
    assert balance(replace(books, stored=[*books.stored, extra])).answered_otherwise == 1


def test_replayed_message_gives_the_time_to_repair():
    books = honest(10, 3)
    received, applied = list(books.received), list(books.applied)
    received[-1] = replace(received[-1], replay=True, at=9.0)
    applied[-1] = replace(applied[-1], at=9.0)
    ledger = balance(replace(books, received=received, applied=applied))
    assert ledger.clean and ledger.replayed == 1
    assert ledger.repair_seconds_max == ledger.slowest_delivery_seconds == pytest.approx(9.0 - 0.9)


def test_without_a_database_the_acknowledged_are_owed():
    books = honest(10, 3)
    ledger = balance(replace(books, stored=None))
    assert ledger.clean and not ledger.compared_with_database and ledger.stored is None
    assert ledger.owed == len(books.applied)


def test_message_of_before_the_run_is_no_duplicate():
    books = honest(0, 3)
    old = Received(0, 0, books.dialogs[0][2], -1, 0.0, replay=True)
    ledger = balance(replace(books, received=[old, old]))
    assert ledger.clean and ledger.duplicates_on_wire == 0


def test_list_that_misses_an_acknowledged_message_is_stale():
    sent = [Sent(0, 0, 1, 2, 0.0, 1, answered=1.0), Sent(1, 0, 2, 1, 0.0, 2, answered=2.0)]
    reads = [
        Read(0, reader=1, sent=0.5, newest=0),  # before anything was acknowledged
        Read(0, reader=1, sent=1.5, newest=1),
        Read(0, reader=1, sent=2.5, newest=1),  # misses the other's
        Read(0, reader=2, sent=2.5, newest=1),  # misses its own
        Read(0, reader=2, sent=2.5, newest=2),
        Read(1, reader=1, sent=2.5, newest=0),  # a dialog without sends
    ]
    books = Books([(1, 2, 0), (1, 3, 0)], [], sent, None, [], [], reads=reads)
    ledger = balance(books)
    assert (ledger.reads, ledger.stale_reads, ledger.stale_own_reads) == (6, 2, 1)
    assert not ledger.clean
    assert not balance(replace(books, reads=reads[:3])).clean
    assert balance(replace(books, shown="none")).clean
    assert not balance(replace(books, shown="own")).clean
    assert balance(replace(books, shown="own", reads=reads[:3])).clean
