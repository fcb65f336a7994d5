"""The API's documentation at `/docs`: Swagger UI out of a locked package, so that it needs no network."""

import hashlib
import re
from base64 import b64encode

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from backend.page import HEADERS, Page

FILES = "/docs/files"


def mount(app: FastAPI) -> None:
    """Serve the page, and its files under /docs/files/. FastAPI's own would load them from elsewhere."""
    app.mount(FILES, Page(packages=[("fastapi_swagger", "resources")]), name="docs")
    written = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=app.title,
        swagger_js_url=f"{FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{FILES}/swagger-ui.css",
        swagger_favicon_url="/page/icon.svg",
    )
    html = bytes(written.body).decode()
    headers = HEADERS | {"Content-Security-Policy": _policy(html)}

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(html, headers=headers)


def _policy(html: str) -> str:
    """Nothing from elsewhere; of the scripts inside the page only the one that FastAPI wrote."""
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
