"""People who chat, for Locust: log in, read, search, write, and receive over the websocket.

    locust -f tests/load/locustfile.py --host http://127.0.0.1:8000            web UI on :8089
    locust -f tests/load/locustfile.py --host ... --headless -u 100 -t 60s --json-file run
    lab load --engine locust

Needs users in the database: `lab seed --users 1000`. Three things differ from most locustfiles:

- Each person acts at times drawn beforehand (a Poisson process) and every response time counts
  from that intended time, so a stalled server shows in the percentiles instead of slowing the
  load down. The offered rate is people x --actions-per-second. `own lag` says how late Locust
  itself was; figures are worth nothing where it is not small.
- Response times keep three significant digits; Locust's own rounding is to whole milliseconds.
- `deliver` is the time from a message's intended send to its arrival on the receiver's socket,
  by the clock of the sender's host: spread the workers over hosts only if their clocks agree.

The line "Aggregated" adds calls, deliveries and lags and means nothing here. No ledger is kept:
whether every message arrived is what `lab load` tells.
"""

import json
import random
import time
from collections import deque
from typing import Any
from urllib.parse import urljoin

import gevent
import locust.stats
import websocket
from locust import FastHttpUser, events, task
from locust.exception import StopUser
from uuid_utils import uuid7

API = "/api/v1"
DEFAULT_MIX = "send=50,history=30,dialogs=10,search=9,login=1"
SEEN_IDS = 1_000  # to drop what the wire repeats
RECONNECT_FIRST_SECONDS, RECONNECT_CAP_SECONDS = 0.2, 20.0


# Not whole milliseconds: three significant digits, at most half a percent off.
def _three_digits(milliseconds: float) -> float:
    return float(f"{milliseconds:.3g}")


locust.stats.bucket_response_time = _three_digits  # type: ignore[assignment]


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    # Straight to the parser: what is in a group of its own does not show in the web page.
    parser.add_argument("--actions-per-second", type=float, default=0.5, help="of each person (0.5)")
    parser.add_argument("--mix", default=DEFAULT_MIX, help=f"weights of the actions ({DEFAULT_MIX})")
    parser.add_argument("--first-user", type=int, default=1, help="log in as userN, userN+1, ... (1)")
    parser.add_argument(
        "--login-password", default="password", is_secret=True, help="of all of them (password)"
    )
    parser.add_argument("--load-seed", type=int, default=1, help="the same seed acts at the same times (1)")
    parser.add_argument("--sockets", choices=["on", "off"], default="on", help="receive on websockets (on)")


@events.init.add_listener
def _check(environment: Any, **_: Any) -> None:
    # The loop's clock stood still while everything was imported: timers set now would end early by as much.
    gevent.get_hub().loop.update_now()
    options = environment.parsed_options
    if options and options.actions_per_second <= 0:
        raise SystemExit(f"--actions-per-second {options.actions_per_second}: expected more than 0")
    if options:
        parsed_mix(options.mix)


def parsed_mix(words: str) -> dict[str, float]:
    """`send=50,history=30` as weights; SystemExit says what was expected."""
    try:
        mix = {name: float(weight) for name, weight in (part.split("=") for part in words.split(","))}
    except ValueError:
        mix = {}
    if not mix or not set(mix) <= set(ACTIONS) or sum(mix.values()) <= 0:
        raise SystemExit(f"--mix {words!r}: expected name=weight,... with names of {', '.join(ACTIONS)}")
    return mix


ACTIONS = ("send", "history", "dialogs", "search", "login")


class Person(FastHttpUser):
    """One user of the lab with one socket."""

    network_timeout = connection_timeout = 10.0
    online: list[int] = []  # noqa: RUF012  ids of this process's people: whom to write to
    born = 0

    def on_start(self) -> None:
        options = self.environment.parsed_options
        runner = self.environment.runner
        workers = max(1, getattr(self.environment.parsed_options, "processes", 1) or 1)
        number = Person.born * workers + max(0, getattr(runner, "worker_index", 0))
        Person.born += 1
        self.random = random.Random(f"{options.load_seed}/{number}")
        self.username = f"user{options.first_user + number}"
        self.rate = options.actions_per_second
        mix = parsed_mix(options.mix)
        self.names, self.weights = list(mix), list(mix.values())
        self.intended = time.perf_counter()
        self.token = self.refresh = ""
        self.login()
        if not self.token:
            raise StopUser
        self.id = int(self._call("GET", "/users/me", "me", since=time.perf_counter())["id"])
        if options.sockets == "on":
            self.listener = gevent.spawn(self.listen)
        Person.online.append(self.id)
        self.intended = time.perf_counter()
        gevent.sleep(self.wait_time())

    def on_stop(self) -> None:
        if getattr(self, "id", None) in Person.online:
            Person.online.remove(self.id)
        if listener := getattr(self, "listener", None):
            listener.kill(block=False)

    def wait_time(self) -> float:
        """Until the next intended time; none when the last action took longer than that."""
        self.intended += self.random.expovariate(self.rate)
        return max(0.0, self.intended - time.perf_counter())

    @task
    def act(self) -> None:
        """One action of the mix, its time counted from when it was intended."""
        lag = time.perf_counter() - self.intended
        self._event("LAG", "own lag", lag)
        (name,) = self.random.choices(self.names, self.weights)
        getattr(self, name)()

    # --- actions ---

    def login(self) -> None:
        answer = self._call(
            "POST",
            "/login",
            "login",
            data={"username": self.username, "password": self.environment.parsed_options.login_password},
        )
        self.token = answer.get("access_token", "")

    def send(self) -> None:
        if not (peer := self._peer()):
            return
        late = time.perf_counter() - self.intended
        words = f"{time.time() - late:.6f} " + "word " * self.random.randint(2, 20)
        message = {"id": str(uuid7()), "content": words}
        self._call("POST", f"/dialog/{peer}/create/", "send", json=message)

    def history(self) -> None:
        if peer := self._peer():
            self._call("GET", f"/dialog/{peer}/list/?limit=20", "history")

    def dialogs(self) -> None:
        self._call("GET", "/dialogs/?limit=20", "dialogs")

    def search(self) -> None:
        letter = self.random.choice("abcdefghijklmnoprstw")
        self._call("GET", f"/users/search/?first_name={letter}&last_name=&limit=20", "search")

    # --- websocket ---

    def listen(self) -> None:
        """Keep one socket open, coming back with the cursor and full jitter."""
        cursor, attempt = None, 0
        seen: deque[str] = deque(maxlen=SEEN_IDS)
        urls = self._call("GET", "/where", "where", since=time.perf_counter()).get("websockets", [])
        while urls:
            started = time.perf_counter()
            socket = None
            try:
                # A path is meant on the host that was asked.
                address = urljoin(self.host, self.random.choice(urls)).replace("http", "ws", 1)
                url = f"{address}?u={self.id}"
                socket = websocket.create_connection(
                    url, timeout=60, subprotocols=["dialog.v1.json"], suppress_origin=True
                )
                socket.send(
                    json.dumps({"t": "hello", "token": self.token, "dev": str(uuid7()), "resume": cursor})
                )
                while text := socket.recv():
                    frame = json.loads(text)
                    cursor = frame.get("cursor") or cursor
                    self._hear(socket, frame, seen, started)
            except (websocket.WebSocketException, OSError) as error:
                self._event("WS", "reconnect", 0.0, error)
            finally:
                if socket:
                    socket.close()
            attempt = 0 if time.perf_counter() - started > 10 else attempt + 1
            gevent.sleep(
                self.random.uniform(0, min(RECONNECT_CAP_SECONDS, RECONNECT_FIRST_SECONDS * 2**attempt))
            )

    def _hear(self, socket: Any, frame: dict[str, Any], seen: "deque[str]", started: float) -> None:
        match frame["t"]:
            case "welcome":
                self._event("WS", "welcome", time.perf_counter() - started)
            case "batch":
                now = time.time()
                for message in frame["m"]:
                    if message["to"] != self.id or message["id"] in seen:
                        continue
                    seen.append(message["id"])
                    if (intended := _intended(message["c"])) is not None and not frame.get("re"):
                        self._event("WS", "deliver", now - intended)
            case "hb":
                socket.send(json.dumps({"t": "hb", "cursor": frame.get("cursor")}))
            case "token":
                socket.send(json.dumps({"t": "token", "token": self.token}))

    # --- helpers ---

    def _peer(self) -> int | None:
        """Another person who is online; with few around it may take a try or two."""
        for _ in range(4):
            peer = self.random.choice(Person.online)
            if peer != self.id:
                return peer
        return None

    def _call(self, method: str, path: str, name: str, since: float | None = None, **arguments: Any) -> Any:
        """The answer's JSON, or {} after a failure; its time counts from `since`, else from intended."""
        since = self.intended if since is None else since
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with self.client.request(
            method, API + path, name=name, headers=headers, catch_response=True, **arguments
        ) as response:
            response.request_meta["response_time"] = (time.perf_counter() - since) * 1000
            if response.request_meta["exception"] is not None:
                return {}
            return json.loads(response.text or "{}")

    def _event(self, kind: str, name: str, seconds: float, error: Exception | None = None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=seconds * 1000,
            response_length=0,
            exception=error,
            context={},
        )


def _intended(content: str) -> float | None:
    """The intended send time that `send` wrote in front; None for messages of others."""
    try:
        return float(content.split(" ", 1)[0])
    except ValueError:
        return None


@events.quitting.add_listener
def _table(environment: Any, **_: Any) -> None:
    """Milliseconds with their fractions: Locust's own table shows whole ones."""
    if environment.web_ui or type(environment.runner).__name__ == "WorkerRunner":
        return
    print(f"\n{'from intended, ms':24}{'count':>9}{'failed':>8}{'p50':>10}{'p90':>10}{'p99':>10}{'max':>10}")
    for (name, kind), entry in sorted(environment.stats.entries.items(), key=lambda pair: pair[0][::-1]):
        points = [entry.get_response_time_percentile(point) for point in (0.5, 0.9, 0.99)]
        figures = "".join(f"{value:10.2f}" for value in [*points, entry.max_response_time])
        print(f"{kind + ' ' + name:24}{entry.num_requests:9}{entry.num_failures:8}{figures}")
