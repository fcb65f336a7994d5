"""The chat page at `/`: plain files, no build step, sent with headers that let nothing else in."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # asked again with its ETag: a new version is seen at once
}
KINDS = {".html", ".js", ".css", ".svg"}


class Page(StaticFiles):
    """The page's files with its headers; this module itself is not among them."""

    def lookup_path(self, path: str) -> tuple[str, Any]:
        """As StaticFiles, for the kinds of file that a browser needs."""
        return super().lookup_path(path) if Path(path).suffix in KINDS else ("", None)

    def file_response(self, *args: Any, **kwargs: Any) -> Any:
        """As StaticFiles, with the page's headers."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response


def mount(app: FastAPI) -> None:
    """Serve the page at `/` and its files under /page/."""
    app.mount("/page", Page(directory=FOLDER), name="page")

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=HEADERS)
