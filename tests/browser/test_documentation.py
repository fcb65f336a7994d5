"""The API's documentation in a browser that reaches nothing but the API itself."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from lab.stack.description import StackDescription
from lab.stack.host import running
from lab.stack.modes import Request

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(400)]
CREATE = "#operations-dialogs-create_api_v1_dialog__user_id__create__post"
WAIT_MS = 90_000


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackDescription]:
    with running(Request(tmp_path / "stack", mode="single")) as description:
        yield description


def _registered(stack: StackDescription, name: str) -> int:
    """The id of a new user."""
    user = {"username": name, "first_name": name, "last_name": "Page", "password": "a long password"}
    answer = httpx.post(f"{stack.api[0]}/api/v1/users/register", json=user, timeout=WAIT_MS / 1000)
    return int(answer.json()["id"])


async def test_a_message_is_sent_from_the_documentation_without_a_network(
    browser: Browser, stack: StackDescription
) -> None:
    _, bob = (_registered(stack, name) for name in ("ann", "bob"))
    page = await browser.new_page()
    page.set_default_timeout(WAIT_MS)
    foreign: list[str] = []
    refused: list[str] = []

    async def only_the_api(route: Route) -> None:
        if route.request.url.startswith(stack.api[0]):
            await route.continue_()
        else:
            foreign.append(route.request.url)
            await route.abort()

    await page.route("**/*", only_the_api)
    page.on("console", lambda line: refused.append(line.text) if "Security Policy" in line.text else None)

    await page.goto(f"{stack.api[0]}/docs")
    await page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".modal-ux")
    await dialog.locator("#oauth_username").fill("ann")
    await dialog.locator("#oauth_password").fill("a long password")
    await dialog.locator("button.authorize").click()
    await dialog.locator("button.btn-done").click()

    create = page.locator(CREATE)
    await create.locator(".opblock-summary").click()
    await create.get_by_role("button", name="Try it out").click()
    await create.get_by_placeholder("user_id").fill(str(bob))
    await create.get_by_role("button", name="Execute").click()
    await expect(create.locator(".live-responses-table .response-col_status").last).to_contain_text("201")
    assert (foreign, refused) == ([], [])
