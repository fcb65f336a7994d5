"""Access and refresh tokens: signed JWTs, verified once and then looked up in a bounded cache."""

import time
from dataclasses import dataclass

import jwt

from wire.effective import on_or_off

ALGORITHM = "HS256"


class TokenError(Exception):
    """The token cannot be used; str(error) is `expired` or `invalid`."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token speaks for, and until when (unix time)."""

    user_id: int
    expires_at: float
    kind: str


class Tokens:
    """Makes and checks tokens with one secret.

    A check costs tens of microseconds the first time (levers/token_cache.py) and a look-up from the cache
    (at most `cache_size` tokens, the oldest dropped first; 0: none). Expiry is checked on every call.
    Disabled users are the caller's business: each service reads the list of their ids again and again.
    """

    def __init__(self, secret: str, cache_size: int = 20_000) -> None:
        self._secret = secret
        self._cache: dict[str, Claims] = {}
        self._cache_size = cache_size

    @property
    def in_effect(self) -> dict[str, object]:
        """Setting -> value, see wire.effective."""
        return {"token_cache": on_or_off(self._cache_size)}

    def make(
        self, user_id: int, lifetime_seconds: float, kind: str = "access", now: float | None = None
    ) -> str:
        """A new token for a user, of kind `access` or `refresh`."""
        issued_at = time.time() if now is None else now
        payload = {"sub": str(user_id), "iat": issued_at, "exp": issued_at + lifetime_seconds, "kind": kind}
        return jwt.encode(payload, self._secret, ALGORITHM)

    def check(self, token: str, kind: str = "access") -> Claims:
        """The claims of a valid token. Raises TokenError."""
        claims = self._cache.get(token)
        if claims is None:
            claims = self._decode(token)
            if self._cache_size:
                if len(self._cache) >= self._cache_size:
                    del self._cache[next(iter(self._cache))]
                self._cache[token] = claims
        if claims.expires_at <= time.time():
            raise TokenError("expired")
        if claims.kind != kind:
            raise TokenError("invalid")
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            payload = jwt.decode(token, self._secret, [ALGORITHM], options={"require": ["sub", "iat", "exp"]})
            return Claims(int(payload["sub"]), float(payload["exp"]), payload["kind"])
        except jwt.ExpiredSignatureError:
            raise TokenError("expired") from None
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise TokenError("invalid") from None
