"""Should websocket frames be compressed?

Problem: permessage-deflate is on by default in many libraries. For short chat messages it saves few bytes
and keeps a compressor for each socket.

Plain way, `off`: frames as they are. Costs: bytes. Fails on nothing.

`deflate`: negotiated with each client. Costs: CPU a frame and some 30 KiB a socket. Fails by memory with many
idle sockets, and is a known target when secrets and foreign text share a frame.

Different when: frames are large and repetitive (long history pages), or traffic is billed.
"""

from levers.honesty import tiny_messages
from levers.lever import Lever

LEVER = Lever(
    name="compression",
    question="Should websocket frames be compressed?",
    env="COMPRESSION",
    values=("off", "deflate"),
    processes=("websocket",),
    restarts=("websocket",),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="each frame passes through zlib, and each socket keeps its window",
    sources=("M13",),
    claim="compression saves bandwidth for free",
    dishonest_if="memory a socket is left out, or all frames are tiny",
    also=("bytes_per_event", "memory", "delivery_p50", "delivery_p99"),
    applies=tiny_messages,
    leaves_open="how far people's text shrinks: the load's messages are English words in random order",
)
