"""The bytes of each operation's request, prepared from the job."""

from array import array
from typing import NamedTuple
from urllib.parse import quote

from lab.load.frames import MessageIds
from lab.load.http_client import WROTE_AT, Target
from lab.load.job import Job
from lab.load.plan import OPERATIONS

PAGE = 20
SEND, LIST = OPERATIONS.index("send"), OPERATIONS.index("list")


class Act(NamedTuple):
    """One arrival, looked up. `me` and `other` index users; `newest`: how many messages their dialog had."""

    number: int
    me: int
    other: int
    newest: int
    draw: float
    target: Target


class Requests:
    """Makes requests by arrival; the slow parts (tokens, texts) are made before the run."""

    def __init__(self, job: Job, ids: MessageIds) -> None:
        self._job = job
        self._ids = ids
        self._operation = array("B", job.operation)
        self._number = array("I", job.number)
        self._dialog = array("I", job.dialog)
        self._forward = array("B", job.forward)
        self._draw = array("d", job.draw)
        self._bearer = [f"Authorization: Bearer {token}\r\n".encode() for token in job.tokens]
        self._texts = [text.encode() for text in job.texts]
        # User -> what the API said of their newest write, for read_routing=replica_ryw.
        self._wrote_at: dict[int, bytes] = {}
        self._makers = [getattr(self, f"_{name}") for name in OPERATIONS]

    def make(self, place: int, target: Target) -> bytes:
        """The request of the arrival at this place of the job."""
        _, low, high, newest = self._job.dialogs[self._dialog[place]]
        me, other = (low, high) if self._forward[place] else (high, low)
        act = Act(self._number[place], me, other, newest, self._draw[place], target)
        made: bytes = self._makers[self._operation[place]](act)
        return made

    def wrote(self, place: int, wrote_at: bytes) -> None:
        """Remember the x-wrote-at of a send's answer for its sender's reads."""
        _, low, high, _ = self._job.dialogs[self._dialog[place]]
        self._wrote_at[low if self._forward[place] else high] = wrote_at

    def _get(self, path: str, me: int, target: Target) -> bytes:
        wrote_at = self._wrote_at.get(me)
        return b"GET %b HTTP/1.1\r\nHost: %b\r\n%b%b\r\n" % (
            path.encode(),
            target.host_header,
            self._bearer[me],
            b"%b: %b\r\n" % (WROTE_AT, wrote_at) if wrote_at else b"",
        )

    def _send(self, act: Act) -> bytes:
        body = b'{"id":"%b","content":"%b"}' % (
            self._ids.text(act.number).encode(),
            self._texts[act.number % len(self._texts)],
        )
        return (
            b"POST /api/v1/dialog/%d/create/ HTTP/1.1\r\nHost: %b\r\n%b"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        ) % (self._job.users[act.other], act.target.host_header, self._bearer[act.me], len(body), body)

    def _list(self, act: Act) -> bytes:
        path = f"/api/v1/dialog/{self._job.users[act.other]}/list/?limit={PAGE}"
        return self._get(path, act.me, act.target)

    def _list_deep(self, act: Act) -> bytes:
        before = 1 + int(act.draw * max(act.newest, 1))
        path = f"/api/v1/dialog/{self._job.users[act.other]}/list/?limit={PAGE}&before={before}"
        return self._get(path, act.me, act.target)

    def _get_user(self, act: Act) -> bytes:
        return self._get(f"/api/v1/users/{self._job.users[act.other]}", act.me, act.target)

    def _dialogs(self, act: Act) -> bytes:
        return self._get("/api/v1/dialogs/", act.me, act.target)

    def _search(self, act: Act) -> bytes:
        prefix = quote(self._job.prefixes[int(act.draw * len(self._job.prefixes))])
        return self._get(f"/api/v1/users/search/?first_name={prefix}", act.me, act.target)

    def refetch(self, me: int, other_id: int, after: int, target: Target) -> bytes:
        """List a dialog from a seq on, for a device that asks."""
        return self._get(f"/api/v1/dialog/{other_id}/list/?after={after}&limit=100", me, target)
