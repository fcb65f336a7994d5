"""Which server calls the application, asked of the call itself."""

from backend.asgi import Send


def server_of(send: Send) -> dict[str, object]:
    """http_server and http_parser, from where the server's `send` was written."""
    module = type(getattr(send, "__self__", send)).__module__
    if module.startswith("uvicorn."):
        return {"http_server": "uvicorn", "http_parser": module.rsplit(".", 1)[1].removesuffix("_impl")}
    if "granian" in module:
        return {"http_server": "granian", "http_parser": "hyper"}
    return {"http_server": module}
