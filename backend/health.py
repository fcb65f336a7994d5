"""/live, /ready, /health and /metrics: for supervisors, proxies, people, Prometheus."""

import asyncio
import os
from collections.abc import Callable
from time import perf_counter

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from backend import worker_metrics
from backend.metrics import Metrics

LAG_SECONDS = 0.1


class Health:
    """What this process knows of itself. `effective` is asked at each look: no setting is taken on trust."""

    def __init__(
        self,
        service_id: str,
        metrics: Metrics,
        links: Callable[[], dict[str, bool]],
        effective: Callable[[], dict[str, object]],
    ) -> None:
        self.prepared = False  # tables are made, connections are open
        self.draining = False
        self.shares_port = False  # with other uvicorn workers
        self.service = "backend"  # run mode single has another word
        self._service_id = service_id
        self._metrics = metrics
        self._links = links
        self.effective = effective  # run mode single knows more
        self.beside: Callable[[], str] = lambda: ""  # why a part beside the API is not ready

    @property
    def not_ready(self) -> str:
        """Why no request should come here; empty when they may. The broker is no reason: no send waits."""
        if self.draining:
            return "draining"
        if not self.prepared:
            return "starting"
        return self.beside() if self._links()["postgres"] else "no database"

    def page(self) -> dict[str, object]:
        """The body of /health."""
        links = self._links()
        return {
            "service": self.service,
            "id": self._service_id,
            "pid": os.getpid(),
            "status": "ok" if all(links.values()) and not self.not_ready else "degraded",
            "links": {name: "ok" if up else "down" for name, up in links.items()},
            "effective": self.effective(),
        }

    async def metrics_page(self) -> bytes:
        """The body of /metrics; of all workers, where there are several."""
        if self.shares_port:
            return await worker_metrics.of_all(self._metrics.page)
        return self._metrics.page()

    async def offer_metrics(self) -> None:
        """Give them to the other workers, until cancelled."""
        async with worker_metrics.offered(self._metrics.page):
            await asyncio.Event().wait()

    async def measure_lag(self) -> None:
        """Observe how late the event loop is, until cancelled."""
        while True:
            started = perf_counter()
            await asyncio.sleep(LAG_SECONDS)
            self._metrics.loop_lag_seconds.observe(max(0.0, perf_counter() - started - LAG_SECONDS))

    def router(self) -> APIRouter:
        """The four routes."""
        routes = APIRouter(tags=["health"])

        @routes.get("/live")
        async def live() -> dict[str, str]:
            """The process answers."""
            return {"status": "ok"}

        @routes.get("/ready", responses={503: {"description": "No requests, please; `status` says why."}})
        async def ready() -> JSONResponse:
            """Whether requests may come."""
            reason = self.not_ready
            return JSONResponse({"status": reason or "ok"}, 503 if reason else 200)

        @routes.get("/health")
        async def health() -> JSONResponse:
            """Links, and the settings that are in effect."""
            return JSONResponse(self.page())

        @routes.get("/metrics", response_class=Response)
        async def metrics() -> Response:
            """Prometheus's text format."""
            return Response(await self.metrics_page(), media_type="text/plain; version=0.0.4")

        return routes
