"""The documentation: it is true for whatever somebody may send."""

import asyncio
import logging
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks

from tests.backend.running import Running

FUZZ = settings(
    max_examples=settings().max_examples // 4,  # an operation
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECK_NAMES = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]


@pytest.mark.timeout(480)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_no_request_gets_an_undocumented_answer(
    backend: Running, signed_in: bool, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.CRITICAL)
    me, other = await backend.users()
    await backend.send(me, other)
    base = str(backend.client.base_url).rstrip("/")
    headers = backend.headers(me) if signed_in else {}
    load_all_checks()
    checks: list[Any] = [CHECKS.get_one(name) for name in CHECK_NAMES]
    tried = 0

    def fuzz_one(operation: Any) -> None:
        @FUZZ
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            nonlocal tried
            tried += 1
            case.call_and_validate(base_url=base, headers=headers, checks=checks, timeout=60)

        check()

    def fuzz() -> None:
        for operation in schemathesis.openapi.from_url(f"{base}/openapi.json").get_all_operations():
            fuzz_one(operation.ok())  # type: ignore[union-attr]

    await asyncio.to_thread(fuzz)
    assert tried > 100
    assert backend.app.metrics.answers_5xx == 0


async def test_authorize_works_from_the_documentation(backend: Running):
    document = (await backend.client.get("/openapi.json")).json()
    (scheme,) = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "/api/v1/login"
    create = document["paths"]["/api/v1/dialog/{user_id}/create/"]["post"]
    assert create["security"]


async def test_the_documentation_comes_whole_from_here(backend: Running):
    page = await backend.client.get("/docs")
    names = re.findall(r"(?:src|href|url)(?:=|: )[\"']([^\"']+)", page.text)
    assert len(names) == 4
    for name in names:
        assert name.startswith("/"), f"{name}: from elsewhere"
        assert (await backend.client.get(name)).status_code == 200, name
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_every_error_has_a_documented_body(backend: Running):
    document = (await backend.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    body = answer["content"]["application/json"]
                    assert body["schema"]["$ref"].endswith("/ErrorBody"), (path, status)
                    assert body["example"]["detail"]
