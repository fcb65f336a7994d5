"""What does the AMQP library cost?

Problem: a message of the broker is three frames. A general library gives each of them to a task, a queue and
another task before the handler runs, for the publisher's confirms as well. Where a machine is not busy, that
code is fetched anew each time, and costs more than the hint itself.

Plain way, `aio_pika`: well kept, complete. Costs: CPU for every publish, every confirm and every message
that comes. Fails by nothing.

`lean`: one channel, and publish, confirm, deliver and ack as bytes (wire/brokers/amqp/lean.py, channel.py).
Costs: 430 lines of one's own to keep, that know no more of AMQP than hints need. Fails where more is needed:
transactions, several channels, TLS.

Different when: hints share messages, near the limit or by PUBLISH_INTERVAL_SECONDS: the price of a message is
then that of many hints.
"""

from levers.lever import Lever

LEVER = Lever(
    name="amqp_client",
    question="What does the AMQP library cost?",
    env="AMQP_CLIENT",
    values=("lean", "aio_pika"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="abab",
    metric="cpu_per_1k_total",
    expected="up",
    because="every frame passes two queues and three tasks before the handler sees it",
    sources=(),
    claim="take the well-kept library, its cost does not show",
    dishonest_if="the rate is so high that a message carries dozens of hints",
    also=("delivery_p50", "delivery_p99", "cpu_per_1k"),
    needs=("rabbitmq",),
    extra_env={"BROKER": "rabbitmq"},
)
