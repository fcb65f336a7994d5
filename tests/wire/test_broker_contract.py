"""What every broker promises (wire/broker.py), over each of them and each routing."""

import asyncio

import pytest

from tests.wire.conftest import ALL, CONNECTED
from tests.wire.heard import LIMIT_SECONDS, Heard, hint, listening, published, ready, settled, until
from tests.wire.servers import QUICK, Broker
from wire.broker import BrokerUnavailable, PublishTimeout
from wire.effective import of_parts
from wire.topology import PARTITIONS

ROUTINGS = ["partition", "fanout", "per_user"]
every_broker = pytest.mark.parametrize("broker_kind", ALL, indirect=True)
connected_broker = pytest.mark.parametrize("broker_kind", CONNECTED, indirect=True)
every_routing = pytest.mark.parametrize("routing", ROUTINGS)
ANN, BOB, EVE, LAST = 1, 2, 3, 900_001


@every_broker
@every_routing
async def test_a_hint_reaches_who_has_bound_either_user_once_and_nobody_else(broker: Broker, routing):
    consumers = [broker.consumer(routing=routing) for _ in range(4)]
    users = [(ANN,), (BOB,), (ANN, BOB), (EVE,)]
    heard = [await listening(c, *u, LAST) for c, u in zip(consumers, users, strict=True)]
    publisher = await ready(broker.publisher(routing=routing))
    await publisher.publish([hint(ANN, BOB, 1)])
    await settled(publisher, *heard)
    assert [h.seqs for h in heard] == [[1], [1], [1], []]


@every_broker
@every_routing
async def test_a_dialog_keeps_its_order_whoever_writes_and_however_many_publishes_are_under_way(
    broker: Broker, routing
):
    heard = await listening(broker.consumer(routing=routing), ANN, BOB)
    publisher = await ready(broker.publisher(routing=routing))
    seqs = iter(range(1, 301))
    batches = [
        [hint(*((ANN, BOB) if seq % 3 else (BOB, ANN)), seq) for seq in [next(seqs) for _ in range(10)]]
        for _ in range(30)
    ]
    await asyncio.gather(*(publisher.publish(batch) for batch in batches))
    await heard.has(300)
    assert heard.seqs == list(range(1, 301))


@every_broker
@every_routing
async def test_the_hints_of_one_publish_arrive_in_one_call(broker: Broker, routing):
    heard = await listening(broker.consumer(routing=routing), ANN)
    publisher = await ready(broker.publisher(routing=routing))
    await publisher.publish([hint(ANN, BOB, seq) for seq in range(1, 65)])
    await heard.has(64)
    assert [len(call) for call in heard.calls] == [64]


@every_broker
async def test_one_publish_carries_hints_of_many_dialogs_to_whom_they_concern(broker: Broker):
    users = range(1, 41)
    all_of_them = await listening(broker.consumer(), *users, LAST)
    only_seven = await listening(broker.consumer(), 7, LAST)
    publisher = await ready(broker.publisher())
    await publisher.publish([hint(user, user + 100, 1) for user in users])
    await settled(publisher, all_of_them, only_seven)
    assert sorted(h.from_user_id for h in all_of_them.hints) == list(users)
    assert [h.from_user_id for h in only_seven.hints] == [7]


@every_broker
async def test_who_has_bound_a_user_of_every_partition_hears_every_hint_of_theirs_once(broker: Broker):
    """An audit. Most hints come by two keys; those to the same partition by one."""
    users = range(1, PARTITIONS + 1)
    audit = await listening(broker.consumer(), *users, LAST)
    publisher = await ready(broker.publisher())
    for seq, further in enumerate((7, PARTITIONS), 1):
        await publisher.publish([hint(user, user + further, seq) for user in users])
    await settled(publisher, audit)
    assert sorted(audit.seqs) == [1] * PARTITIONS + [2] * PARTITIONS
    assert len({(one.from_user_id, one.seq) for one in audit.hints}) == 2 * PARTITIONS


@every_broker
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_the_longest_messages_arrive_unchanged(broker: Broker, encoding):
    heard = await listening(broker.consumer(encoding=encoding), BOB)
    publisher = await ready(broker.publisher(encoding=encoding))
    sent = [hint(ANN, BOB, seq, content="\N{GRINNING FACE}" * 4096) for seq in range(1, 101)]
    sent[0].way = [1.5, 2.5]
    sent[1].content = "\x00\x1f\"\\'"
    await publisher.publish(sent)
    await heard.has(100)
    assert heard.hints == sent


@every_broker
@every_routing
async def test_a_binding_is_effective_when_bind_returns(broker: Broker, routing):
    consumer = broker.consumer(routing=routing)
    heard = await listening(consumer)
    publisher = await ready(broker.publisher(routing=routing))
    for user in range(10, 30):
        await consumer.bind(user)
        await publisher.publish([hint(user, user + 100, 1)])
    await heard.has(20)
    assert [h.from_user_id for h in heard.hints] == list(range(10, 30))


@every_broker
@every_routing
async def test_many_users_can_bind_at_the_same_time(broker: Broker, routing):
    consumer = broker.consumer(routing=routing)
    heard = await listening(consumer)
    publisher = await ready(broker.publisher(routing=routing))
    await asyncio.gather(*(consumer.bind(user) for user in range(100, 300)))
    await publisher.publish([hint(user, user + 1000, 1) for user in range(100, 300)])
    await heard.has(200)
    assert len(heard.hints) == 200


@every_broker
@every_routing
async def test_bindings_are_counted_and_the_last_unbind_stops_the_hints_at_once(broker: Broker, routing):
    consumer = broker.consumer(routing=routing)
    heard = await listening(consumer, ANN, ANN, LAST)
    publisher = await ready(broker.publisher(routing=routing))
    await consumer.unbind(ANN)
    await publisher.publish([hint(ANN, BOB, 1)])
    await heard.has(1)
    await consumer.unbind(ANN)
    await publisher.publish([hint(ANN, BOB, 2)])
    await settled(publisher, heard)
    assert heard.seqs == [1]


@every_broker
@every_routing
async def test_who_comes_back_after_the_broker_forgot_the_binding_hears_again(broker: Broker, routing):
    consumer = broker.consumer(routing=routing)
    heard = await listening(consumer, LAST)
    publisher = await ready(broker.publisher(routing=routing))
    for seq in (1, 2):
        await consumer.bind(ANN)
        await publisher.publish([hint(ANN, BOB, seq)])
        await heard.has(seq)
        await consumer.unbind(ANN)
        await asyncio.sleep(broker.settings().unbind_after_seconds * 1.5)
    await publisher.publish([hint(ANN, BOB, 3)])
    await settled(publisher, heard)
    assert heard.seqs == [1, 2]


@every_broker
async def test_a_hint_that_nobody_wants_is_no_error(broker: Broker):
    publisher = await ready(broker.publisher())
    await publisher.publish([hint(ANN, BOB, 1)])
    await publisher.publish([])


@pytest.mark.rabbitmq
@pytest.mark.parametrize("broker_kind", ["rabbitmq"], indirect=True)
async def test_rabbitmq_tells_how_many_messages_no_queue_took_over_all_its_connections(broker: Broker):
    alone = 800_001  # by user: a quorum queue outlives its consumer, with the partitions that it had
    publisher = await ready(broker.publisher(hints_per_message=2, routing="per_user"))
    await publisher.publish([hint(alone, alone + seq, seq) for seq in range(1, 5)])
    assert publisher.returned == 2
    broker.break_connections()
    await until(lambda: not publisher.connected, "the connection is lost")
    assert publisher.returned == 2
    await until(lambda: publisher.connected, "connected again")
    await publisher.publish([hint(alone, alone + 1, 5)])
    assert publisher.returned == 3


@every_broker
async def test_without_confirm_hints_arrive_as_well(broker: Broker):
    heard = await listening(broker.consumer(), ANN)
    publisher = await ready(broker.publisher(confirm=False))
    for seq in range(1, 21):
        await publisher.publish([hint(ANN, BOB, seq)])
    await heard.has(20)
    assert heard.seqs == list(range(1, 21))


@every_broker
@pytest.mark.parametrize("prefetch", [0, 1, 10])
async def test_however_few_may_be_unacknowledged_all_arrive_in_order(broker: Broker, prefetch: int):
    heard = await listening(broker.consumer(prefetch=prefetch), ANN)
    publisher = await ready(broker.publisher(hints_per_message=1))
    for first in (1, 51):
        await publisher.publish([hint(ANN, BOB, seq) for seq in range(first, first + 50)])
    await heard.has(100)
    assert heard.seqs == list(range(1, 101))


@connected_broker
async def test_both_sides_say_what_they_work_with_and_nothing_while_there_is_no_connection(broker: Broker):
    agreed = {"routing": "per_user", "encoding": "msgpack"}
    publisher, consumer = (
        broker.publisher(**agreed, hints_per_message=7),
        broker.consumer(**agreed, prefetch=3),
    )
    assert of_parts([publisher, consumer]) == {}
    await ready(publisher)
    await listening(consumer, ANN)
    common: dict[str, object] = {**agreed, "broker": broker.name}
    queue: dict[str, object] = {}
    if broker.name == "rabbitmq":
        common["amqp_client"] = broker.settings().amqp_client
        queue = {"prefetch": 3, "queue_type": broker.settings().queue_type}
    assert of_parts([publisher]) == {**common, "hints_per_message": 7}
    assert of_parts([consumer]) == {**common, **queue}


@every_broker
async def test_publishing_while_the_broker_is_away_fails_at_once(broker: Broker):
    publisher = await ready(broker.publisher(heartbeat_seconds=QUICK["heartbeat_seconds"]))
    broker.go_away()
    await until(lambda: not publisher.connected, "the publisher notices")
    async with asyncio.timeout(broker.settings().publish_timeout_seconds / 2):
        with pytest.raises(BrokerUnavailable):
            await publisher.publish([hint(ANN, BOB, 1)])


@every_broker
async def test_starting_while_the_broker_is_away_is_no_error(broker: Broker):
    broker.go_away()
    publisher, consumer, heard = broker.publisher(), broker.consumer(), Heard()
    await publisher.start()
    await consumer.start(heard.on_hints, heard.on_generation)
    await consumer.bind(ANN)
    assert not publisher.connected and not consumer.connected and consumer.generation == 0
    broker.come_back()
    await until(lambda: publisher.connected and heard.generations == [1], "both connect")
    await publisher.publish([hint(ANN, BOB, 1)])
    await heard.has(1)


@every_broker
@every_routing
async def test_after_a_reset_bindings_are_restored_in_a_new_generation(broker: Broker, routing):
    consumer = broker.consumer(routing=routing)
    heard = await listening(consumer, ANN, BOB)
    publisher = await ready(broker.publisher(routing=routing))
    for generation in (2, 3):
        broker.break_connections()
        await heard.is_generation(generation)
        await until(lambda: publisher.connected, "the publisher is back")
        assert consumer.generation == generation
        await published(publisher, [hint(ANN, BOB, generation)])
        await heard.has(generation - 1)
    assert heard.generations == [1, 2, 3]
    assert heard.seqs == [2, 3]


@every_broker
async def test_users_bound_and_unbound_while_the_broker_was_away_are_known_when_it_is_back(broker: Broker):
    consumer = broker.consumer(routing="per_user")
    heard = await listening(consumer, ANN, LAST)
    publisher = await ready(broker.publisher(routing="per_user"))
    broker.go_away()
    await until(lambda: not consumer.connected, "the consumer notices")
    await consumer.unbind(ANN)
    await consumer.bind(EVE)
    broker.come_back()
    await until(lambda: consumer.generation == 2 and publisher.connected, "both are back")
    await published(publisher, [hint(ANN, BOB, 1), hint(EVE, BOB, 2)])
    await settled(publisher, heard)
    assert heard.seqs == [2]


@connected_broker
async def test_a_broker_that_answers_no_more_delays_a_publish_by_its_time_limit_only(broker: Broker):
    assert broker.proxy
    publisher = await ready(broker.publisher(publish_timeout_seconds=1.0))
    broker.proxy.stall()
    async with asyncio.timeout(broker.settings().heartbeat_seconds / 2):  # which would end it as well
        with pytest.raises((PublishTimeout, BrokerUnavailable)):
            await publisher.publish([hint(ANN, BOB, 1)])
    broker.proxy.heal()


@connected_broker
@pytest.mark.parametrize("how", ["stall", "half_open"])
async def test_a_peer_that_vanished_without_a_word_is_noticed_and_replaced(broker: Broker, how):
    assert broker.proxy
    consumer = broker.consumer(**QUICK)
    heard = await listening(consumer, ANN)
    publisher = await ready(broker.publisher(**QUICK))
    proxy, accepted = broker.proxy, broker.proxy.accepted
    getattr(proxy, how)()
    if how == "stall":
        await until(lambda: not consumer.connected and not publisher.connected, "both notice")
    else:  # new connections pass
        await until(lambda: proxy.accepted >= accepted + 2, "both notice and connect again")
        await until(lambda: heard.generations[-1] >= 2 and publisher.connected, "both are there again")
    proxy.heal()
    await until(lambda: heard.generations[-1] >= 2 and publisher.connected, "both are back")
    async with asyncio.timeout(LIMIT_SECONDS):
        while not heard.hints:  # so quick a heartbeat may take a full machine for a lost peer once more
            await published(publisher, [hint(ANN, BOB, 1)])
            await asyncio.sleep(0.1)


@every_broker
async def test_the_catch_up_of_a_lost_generation_is_cancelled(broker: Broker):
    cancelled: list[int] = []

    async def on_generation(generation: int) -> None:
        try:
            await asyncio.sleep(60 if generation == 1 else 0)
        except asyncio.CancelledError:
            cancelled.append(generation)
            raise

    consumer = broker.consumer()
    await consumer.start(lambda hints: None, on_generation)
    await until(lambda: consumer.connected, "connected")
    await asyncio.sleep(0)
    broker.break_connections()
    await until(lambda: cancelled == [1] and consumer.generation == 2, "cancelled, and the next one begun")


@every_broker
async def test_a_handler_that_raises_ends_the_consumer_loudly(broker: Broker):
    class Bug(Exception): ...

    def on_hints(hints: object) -> None:
        raise Bug

    async def on_generation(generation: int) -> None: ...

    consumer = broker.consumer()
    await consumer.start(on_hints, on_generation)
    await consumer.bind(ANN)
    await until(lambda: consumer.connected, "connected")
    publisher = await ready(broker.publisher())
    await publisher.publish([hint(ANN, BOB, 1)])
    with pytest.raises(Bug):
        await asyncio.wait_for(consumer.wait_closed(), LIMIT_SECONDS)
    await until(lambda: not consumer.connected, "disconnected")


@every_broker
async def test_a_catch_up_that_raises_ends_the_consumer_loudly(broker: Broker):
    class Bug(Exception): ...

    async def on_generation(generation: int) -> None:
        raise Bug

    consumer = broker.consumer()
    await consumer.start(lambda hints: None, on_generation)
    with pytest.raises(Bug):
        await asyncio.wait_for(consumer.wait_closed(), LIMIT_SECONDS)


@every_broker
async def test_closing_leaves_no_task_and_no_connection_behind(broker: Broker):
    before = asyncio.all_tasks()
    consumer, publisher = broker.consumer(), broker.publisher()
    await listening(consumer, ANN)
    await ready(publisher)
    for one in (consumer, publisher):
        await one.close()
        await one.close()  # twice is no error
        await asyncio.wait_for(one.wait_closed(), LIMIT_SECONDS)
        assert not one.connected
    if broker.proxy:
        await until(lambda: broker.proxy and not broker.proxy.open_connections, "no connection is open")
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")


@connected_broker
async def test_closing_ends_in_time_while_the_broker_answers_no_more(broker: Broker):
    assert broker.proxy
    consumer, publisher = broker.consumer(), broker.publisher()
    await listening(consumer, ANN)
    await ready(publisher)
    broker.proxy.stall()
    async with asyncio.timeout(broker.settings().heartbeat_seconds / 2):  # which would end it as well
        await asyncio.gather(consumer.close(), publisher.close())
