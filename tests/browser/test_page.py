"""The page alone: order, doubles, gaps, reconnects and markup, against stand-in services."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ORIGIN, Services

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


async def _sign_in(services: Services) -> Page:
    page = services.page
    await page.goto(ORIGIN)
    await page.get_by_label("User name").fill("ann")
    await page.get_by_label("Password").fill("password")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#state")).to_contain_text("connected")
    return page


async def _open_bob(services: Services) -> Page:
    page = await _sign_in(services)
    await page.get_by_label("Find a user").fill("Bob")
    await page.locator("#found").get_by_text("Bob Ray").click()
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    return page


async def _until(page: Page, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await page.wait_for_timeout(20)


async def _texts(page: Page, *texts: str) -> None:
    await expect(page.locator("#messages .message")).to_have_count(len(texts))
    for line, text in zip(await page.locator("#messages .message").all(), texts, strict=True):
        await expect(line).to_contain_text(text)


async def test_messages_are_shown_in_order_of_seq_each_once(services: Services) -> None:
    page = await _open_bob(services)
    one, two, three = (services.message(seq, f"text {seq}") for seq in (1, 2, 3))
    services.push(one, three)
    services.push(three, two, one)
    await _texts(page, "text 1", "text 2", "text 3")


async def test_websockets_named_by_a_path_are_found_on_the_host_of_the_page(services: Services) -> None:
    services.where = "/ws"
    await _sign_in(services)
    assert services.sockets[0].url.startswith("ws://lab.test/ws?u=")


async def test_a_gap_is_held_and_then_asked_for(services: Services) -> None:
    page = await _open_bob(services)
    services.push(services.message(1, "first"))
    await _texts(page, "first")
    services.push(services.message(3, "third"))
    await _until(page, lambda: any(frame["t"] == "get" for frame in services.heard))
    asked = next(frame for frame in services.heard if frame["t"] == "get")
    assert (asked["d"], asked["after"]) == (services.message(1, "")["d"], 1)
    await _texts(page, "first")
    services.push(services.message(2, "second"), services.message(3, "third"), re=True)
    await _texts(page, "first", "second", "third")


async def test_stale_gap_is_read_over_http(services: Services) -> None:
    page = await _open_bob(services)
    for text in ("first", "second", "third"):
        services.store({"id": text, "content": text})
    services.push(services.message(3, "third"))
    await _until(page, lambda: any(frame["t"] == "get" for frame in services.heard))
    services.say({"t": "stale", "d": services.message(1, "")["d"]})
    await _texts(page, "first", "second", "third")


async def test_lost_socket_comes_back_with_the_cursor(services: Services) -> None:
    page = await _open_bob(services)
    services.say({"t": "hb", "cursor": "latest", "lag": False})
    await _until(page, lambda: services.heard[-1] == {"t": "hb", "cursor": "latest"})
    services.resumed = "ring"
    await services.sockets[0].close(code=4002, reason="slow")
    await expect(page.locator("#state")).to_have_text("connected · resumed from memory")
    assert len(services.sockets) == 2
    hello = [frame for frame in services.heard if frame["t"] == "hello"][-1]
    assert hello["resume"] == "latest"


async def test_drain_opens_the_new_socket_before_the_old_one_closes(services: Services) -> None:
    page = await _open_bob(services)
    closed: list[int | None] = []
    services.sockets[0].on_close(lambda code, _reason: closed.append(code))
    services.welcomes = False
    services.say({"t": "bye", "why": "drain", "after": 50})
    await expect(page.locator("#state")).to_contain_text("moving to another service")
    await _until(page, lambda: len(services.sockets) == 2)
    assert not closed
    services.sockets[0].send('{"t":"batch","n":2,"m":[]}')
    services.resumed = "db"
    services.say({"t": "welcome", "sid": "ws-2", "epoch": "e", "resumed": "db", "hb": 25000, "cursor": "x"})
    await expect(page.locator("#state")).to_have_text("connected · resumed from the database")
    await _until(page, lambda: closed == [1000])


async def test_final_close_code_stops_and_says_why(services: Services) -> None:
    page = await _open_bob(services)
    await services.sockets[0].close(code=4505, reason="version")
    await expect(page.locator("#state")).to_have_text("stopped: other protocol version")
    await page.wait_for_timeout(500)  # longer than the first waits would be
    assert len(services.sockets) == 1


async def test_withdrawn_access_leads_to_the_door(services: Services) -> None:
    page = await _open_bob(services)
    await services.sockets[0].close(code=4506, reason="revoked")
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_an_answer_that_comes_after_signing_out_reaches_nobody(services: Services) -> None:
    services.store({"id": "a", "content": "for Ann alone"})
    services.answering.clear()
    page = await _open_bob(services)
    await page.get_by_role("button", name="Sign out").click()
    async with page.expect_response("**/list/**"):
        services.answering.set()
    await page.wait_for_timeout(100)  # the page had the answer in hand
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await expect(page.locator("#messages")).to_be_empty()


async def test_reload_after_a_lost_position_shows_what_was_missed(services: Services) -> None:
    services.store({"id": "a", "content": "before"})
    page = await _open_bob(services)
    await _texts(page, "before")
    services.store({"id": "b", "content": "while away"})
    services.resumed = "none"
    await services.sockets[0].close(code=4004, reason="")
    await expect(page.locator("#state")).to_have_text("connected · reloaded")
    await _texts(page, "before", "while away")


async def test_a_send_is_repeated_with_the_same_id_and_shown_once(services: Services) -> None:
    page = await _open_bob(services)

    def lost_answer(sent: dict[str, object]) -> tuple[int, object]:
        services.store(sent)
        services.answer_send = services.store
        return 0, None

    services.answer_send = lost_answer
    await page.get_by_label("Message", exact=True).fill("hello")
    await page.keyboard.press("Enter")
    await _texts(page, "hello")
    await expect(page.locator("#pending .message")).to_have_count(0)
    assert len(services.posted) == 2
    assert services.posted[0] == services.posted[1]
    assert services.posted[0]["id"][14] == "7"


async def test_own_message_from_the_socket_and_from_the_answer_is_shown_once(services: Services) -> None:
    page = await _open_bob(services)

    def hint_first(sent: dict[str, object]) -> tuple[int, object]:
        status, message = services.store(dict(sent))
        services.push(services.message(1, str(sent["content"]), sender=1) | {"id": sent["id"]})
        return status, message

    services.answer_send = hint_first
    await page.get_by_label("Message", exact=True).fill("once")
    await page.keyboard.press("Enter")
    await expect(page.locator("#pending .message")).to_have_count(0)
    await _texts(page, "once")


async def test_unsent_messages_survive_a_reload_of_the_page(services: Services) -> None:
    page = await _open_bob(services)
    services.answer_send = lambda _sent: (503, {"detail": "busy"})
    await page.get_by_label("Message", exact=True).fill("stubborn")
    await page.keyboard.press("Enter")
    await expect(page.locator("#pending .message")).to_contain_text("busy, trying again")
    services.answer_send = services.store
    await page.reload()
    await page.locator("#dialogs").get_by_text("Bob Ray").click()
    await _texts(page, "stubborn")
    assert len({sent["id"] for sent in services.posted}) == 1


async def test_a_refused_message_says_why_and_is_not_repeated(services: Services) -> None:
    page = await _open_bob(services)
    services.answer_send = lambda _sent: (422, {"detail": "too long"})
    await page.get_by_label("Message", exact=True).fill("no")
    await page.keyboard.press("Enter")
    await expect(page.locator("#pending .message")).to_contain_text("not sent: too long")
    await page.wait_for_timeout(500)  # longer than the first waits would be
    assert len(services.posted) == 1


async def test_markup_in_a_message_or_a_name_is_only_text(services: Services) -> None:
    page = await _open_bob(services)
    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>'
    services.push(services.message(1, evil))
    await _texts(page, evil)
    assert await page.locator("#room img, #room b, #room script").count() == 0
    assert await page.title() == "Dialogs"


async def test_page_has_names_for_everything_that_can_be_operated(services: Services) -> None:
    page = await _open_bob(services)
    nameless = await page.evaluate(
        """() => [...document.querySelectorAll("button, input, textarea, ul, ol")]
            .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
            .map((e) => e.outerHTML)"""
    )
    assert nameless == []
