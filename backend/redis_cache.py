"""CACHE=redis: users in a cache that all processes share."""

import logging
from types import MappingProxyType

import redis.asyncio as redis
from redis.exceptions import RedisError

from backend.bodies import UserOut
from backend.metrics import Metrics
from backend.user_reader import Load, found

logger = logging.getLogger(__name__)

REDIS_SECONDS = 0.25  # to answer; beyond it the database is asked


class InRedis:
    """An entry is at most `seconds` old; while Redis is away every request is a miss."""

    in_effect = MappingProxyType({"cache": "redis"})

    def __init__(self, load: Load, seconds: float, url: str, metrics: Metrics) -> None:
        self._load = load
        self._milliseconds = int(seconds * 1000)
        self._metrics = metrics
        self._redis = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )

    async def user(self, user_id: int, me: int) -> UserOut:
        key = f"user:{user_id}"
        try:
            stored = await self._redis.get(key)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("cache: %s", error)
            stored = None
        if stored is not None:
            self._metrics.cache_hits += 1
            return UserOut.model_validate_json(stored)
        self._metrics.cache_misses += 1
        user = found(await self._load(user_id, me))
        try:
            await self._redis.set(key, user.model_dump_json(), px=self._milliseconds)
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("cache: %s", error)
        return user

    async def close(self) -> None:
        await self._redis.aclose()
