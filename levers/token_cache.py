"""What does checking a token cost?

Problem: a signed token is verified with each request although it does not change for a quarter of an
hour. Remembering a verified token is easy; forgetting it when the user is disabled is the hard part.

Plain way, `on`: a bounded cache of verified tokens, expiry checked on each use, a list of disabled
users polled twice a second (by a websocket service each second). Costs: some megabytes. Fails if revocation
is forgotten: a test holds one to two seconds, on every process.

`off`: signature and claims each time. Costs: 140 to 190 us of CPU a request
(docs/results/levers/token_cache.md). Fails on nothing; it is only dear.

Different when: each token is used once: then the cache is pure cost.
"""

from levers.lever import Lever

LEVER = Lever(
    name="token_cache",
    question="What does checking a token cost?",
    env="TOKEN_CACHE",
    values=("on", "off"),
    processes=("backend",),
    restarts=("backend",),
    design="duet",
    metric="cpu_per_1k",
    expected="up",
    because="each request then verifies a signature and parses its claims",
    sources=("P17", "C7"),
    claim="JWT is stateless and therefore cheap",
    dishonest_if="the cached side does not notice a disabled user",
)
