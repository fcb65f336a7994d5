"""lab scale on a whole host stack: new instances serve, sockets of the others stay."""

import re

import httpx
import pytest

from lab.errors import StackError, UsageError
from lab.stack.description import StackDescription
from lab.stack.haproxy import Proxy, Server
from lab.stack.host import running
from lab.stack.modes import Request
from lab.stack.scale import scale
from lab.stack.supervision import Supervision
from tests.compose.people import Person, heard
from tests.compose.watch import Watch

pytestmark = [
    pytest.mark.haproxy,
    pytest.mark.rabbitmq,
    pytest.mark.slow,
    pytest.mark.timeout(500),
]
LIVE_SECONDS = 5.0  # as Watch counts them


@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_scaled_instances_serve_and_leave_and_no_socket_drops(tmp_path, transport):
    request = Request(
        tmp_path / "home", mode="stack", api=1, websockets=1, levers={"APP_TRANSPORT": transport}
    )
    with running(request) as stack:
        assert stack.haproxy is not None
        proxy = Proxy(stack.home / "haproxy")
        told: list[str] = []
        ann, bob = Person(stack.haproxy["url"]), Person(stack.haproxy["url"])
        with bob.listen() as socket:
            watch = Watch()
            grown = scale(stack, "websocket", 3, told.append)
            took = watch.took()
            print(f"two more websocket services: live after {took}")
            grown = scale(grown, "backend", 2, print)
            assert re.fullmatch(r"websocket-2, websocket-3: live in HAProxy after \d+\.\d s", told[-1])
            assert {name: row["status"] for name, row in proxy.servers().items()} == {
                **{f"websocket-{n}": "UP" for n in (1, 2, 3)},
                **{f"backend-{n}": "UP" for n in (1, 2)},
            }
            seen = {httpx.get(f"{stack.haproxy['url']}/health").json()["id"] for _ in range(6)}
            assert seen == {"backend-1", "backend-2"}
            assert len(grown.websockets) == 3 and StackDescription.load(stack.home) == grown
            shrunk = scale(scale(grown, "websocket", 1, print), "backend", 1, print)
            assert set(proxy.servers()) == {"websocket-1", "backend-1"}
            assert shrunk.api == stack.api and shrunk.websockets == stack.websockets
            assert ann.send(bob, "still there?") == 201
            assert heard(socket) == "still there?"
        assert took.seconds < LIVE_SECONDS


def test_a_scale_that_fails_leaves_nothing_of_the_new_instance(tmp_path, monkeypatch):
    with running(Request(tmp_path / "home", mode="stack", api=1, websockets=1)) as stack:
        before = {process.name for process in stack.processes}

        add = Proxy.add

        def refuse(proxy: Proxy, *servers: Server) -> None:
            add(proxy, servers[0])
            raise StackError("HAProxy refused it")

        with monkeypatch.context() as patched:
            patched.setattr(Proxy, "add", refuse)
            with pytest.raises(StackError, match="refused it"):
                scale(stack, "websocket", 3, print)
        assert StackDescription.load(stack.home) == stack
        assert {state["name"] for state in Supervision(stack.home).states()} == before
        assert not re.search("websocket-[23]", (stack.home / "supervisord.conf").read_text())
        assert set(Proxy(stack.home / "haproxy").servers()) == {"websocket-1", "backend-1"}
        assert len(scale(stack, "websocket", 2, print).websockets) == 2  # nothing is in its way


def test_a_stack_without_a_proxy_says_so(tmp_path):
    described = StackDescription("multi", tmp_path, [], [], None, "x" * 32)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="mode multi cannot be scaled while it runs"):
        scale(described, "websocket", 2, print)
    with pytest.raises(UsageError, match="'postgres': expected one of backend, websocket"):
        scale(described, "postgres", 2, print)
