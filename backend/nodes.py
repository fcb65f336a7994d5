"""CITUS_NODE=any: the connections of a pool are spread over the nodes of a Citus cluster.

Every node with synced metadata plans and routes as the coordinator does, so that planning and the hop to a
shard are no longer one machine's work. Which nodes there are is asked of the coordinator each second. A node
that is being drained is left at once: its copy of the metadata ends with its removal, and a client that
stayed would go on writing to where a shard was when it left.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import cycle
from weakref import WeakKeyDictionary

import asyncpg

from backend.pools import AWAY, Connect, Connection, Pool

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
Node = tuple[str, int]  # host and port
ConnectTo = Callable[[Node], Connect]


class Nodes:
    """`connect` opens a connection for a pool; `run` follows the cluster, for the pools in `pools`.

    Until the coordinator has named the nodes, and on plain PostgreSQL, it is `coordinator` for all.
    """

    def __init__(self, coordinator: Connect, connect_to: ConnectTo, query: str) -> None:
        self.pools: list[Pool] = []
        self._coordinator = coordinator
        self._connect_to = connect_to
        self._query = query
        self._nodes: list[Node | None] = [None]  # None: the coordinator
        self._turn = cycle(self._nodes)
        self._at: WeakKeyDictionary[Connection, Node | None] = WeakKeyDictionary()

    @property
    def count(self) -> int:
        """Nodes in use, the coordinator among them."""
        return len(self._nodes)

    async def connect(self) -> Connection:
        """A connection to the node whose turn it is; to the coordinator when that one is away."""
        node = next(self._turn)
        try:
            connection = await (self._coordinator if node is None else self._connect_to(node))()
        except (*AWAY, asyncpg.PostgresError) as error:
            if node is None:
                raise
            logger.warning("node %s:%d: %s", *node, error)
            node, connection = None, await self._coordinator()
        self._at[connection] = node
        return connection

    async def run(self) -> None:
        """Ask which nodes there are, until cancelled. The last answer holds while the coordinator is away."""
        asking: Connection | None = None
        while True:
            try:
                if asking is None or asking.is_closed():
                    asking = await self._coordinator()
                rows = await asking.fetch(self._query)
                self._use([None, *((row["nodename"], row["nodeport"]) for row in rows)])
            except (*AWAY, asyncpg.PostgresError) as error:
                logger.warning("nodes of the cluster: %s", error)
            await asyncio.sleep(POLL_SECONDS)

    def _use(self, nodes: list[Node | None]) -> None:
        if nodes != self._nodes:
            logger.warning("nodes of the cluster: %s", nodes[1:])
            self._nodes, self._turn = nodes, cycle(nodes)
        for pool in self.pools:
            pool.replace(surplus(pool.connections, self._at, nodes))


def surplus(
    connections: set[Connection], at: Mapping[Connection, Node | None], nodes: list[Node | None]
) -> list[Connection]:
    """Connections to give up: those to nodes that are gone, and what others have above their share."""
    share = -(-len(connections) // len(nodes))
    seen: dict[Node | None, int] = {}
    found = []
    for connection in connections:
        node = at.get(connection)
        seen[node] = seen.get(node, 0) + 1
        if node not in nodes or seen[node] > share:
            found.append(connection)
    return found
