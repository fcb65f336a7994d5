"""Why a socket is closed. 4000-4499: come back with the cursor; 4500-4999: stop."""

DRAIN = 4001
SLOW_CONSUMER = 4002
NO_HEARTBEAT = 4003
POSITION_LOST = 4004  # what this socket heard may have a hole that only a resume fills
TOKEN_EXPIRED = 4005
NODE_FULL = 4006
RATE_LIMITED = 4008
BAD_TOKEN = 4500
NO_HELLO = 4501
MALFORMED = 4502
ORIGIN = 4503
TOO_MANY_DEVICES = 4504
VERSION = 4505
REVOKED = 4506

REASONS = {
    DRAIN: "drain",
    SLOW_CONSUMER: "slow consumer",
    NO_HEARTBEAT: "no heartbeat",
    POSITION_LOST: "position not guaranteed",
    TOKEN_EXPIRED: "token expired",
    NODE_FULL: "node full",
    RATE_LIMITED: "rate limited",
    BAD_TOKEN: "bad token",
    NO_HELLO: "no hello",
    MALFORMED: "malformed frame",
    ORIGIN: "origin not allowed",
    TOO_MANY_DEVICES: "too many devices",
    VERSION: "unknown protocol version",
    REVOKED: "access revoked",
}


class Refused(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code} {REASONS[code]}")
        self.code = code
