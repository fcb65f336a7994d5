"""What does a log line a request cost?

Problem: logging is switched on for a search and stays. Formatting, the handler's lock and the write are
paid in the loop's thread.

Plain way, `warning`: only what somebody should look at. Costs: nothing a request. Fails to tell about
the request that went wrong quietly.

`info`: the HTTP server writes one line a request. Costs: formatting and a write each. Fails on a slow
terminal or full pipe: the loop waits for it. A websocket service writes no more than before.

`debug`: besides, one line for each message in the API and for each hint in a websocket service, and what
libraries have to say (with AMQP_CLIENT=aio_pika each frame, with what is in it). Costs: several times that.
Fails by volume, and by what it reveals.

Different when: output goes to a terminal; the processes of a stack write to a pipe that its supervisor
empties into a file.
"""

from levers.lever import Lever

LEVER = Lever(
    name="logging",
    question="What does a log line a request cost?",
    env="LOG_LEVEL",
    values=("warning", "info", "debug"),
    processes=("backend", "websocket"),
    restarts=("backend", "websocket"),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="each line is formatted, locked and written in the loop's thread",
    sources=("C24",),
    claim="logging is cheap",
    dishonest_if="the sides write to different places",
)
