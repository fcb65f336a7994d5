"""One AMQP 0-9-1 channel on a connection of its own, as publisher and consumer of hints use it: two clients.

`aio_pika`: the library. `lean`: our own frames, for the price of a message and nothing else.
"""
