"""How a request fails: one exception with the status and the sentence that the client reads."""

from typing import Any, TypeAlias

Responses: TypeAlias = dict[int | str, dict[str, Any]]


class Refusal(Exception):
    """The request is answered with `status` and {"detail": detail}."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def unauthorized(detail: str) -> Refusal:
    """401, with the header that RFC 6750 asks for."""
    return Refusal(401, detail, {"www-authenticate": "Bearer"})


def unavailable(detail: str = "The database does not answer; try again with the same id.") -> Refusal:
    """503: nothing is known to be wrong with the request itself."""
    return Refusal(503, detail, {"retry-after": "1"})


WORDS = {
    400: "The body cannot be read.",
    401: "The token is missing, invalid or expired, or its user is disabled.",
    404: "There is no such user.",
    409: "In conflict with what is stored.",
    413: "The body is larger than 64 KiB; it was not read.",
    422: "A value is outside what is described.",
    429: "Too many of these just now; try again after the seconds in Retry-After.",
    503: "The database does not answer; try again after the seconds in Retry-After.",
}


def documented(*statuses: int, **words: str) -> Responses:
    """Response entries for the OpenAPI; `words` overrides a sentence: _409="..."."""
    from backend.bodies import ErrorBody

    return {
        status: {
            "model": ErrorBody,
            "description": words.get(f"_{status}", WORDS[status]),
            "content": {"application/json": {"example": {"detail": words.get(f"_{status}", WORDS[status])}}},
        }
        for status in statuses
    }
