"""The pages that a pull, a run and the notebook write, opened from disk as a reader opens them."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, ViewportSize

from lab.notebook.heat_map import heat_map
from lab.report import pull, run
from tests.lab.report import made_up_runs
from tests.lab.report.made_up_pulls import made_up

pytestmark = pytest.mark.browser
LAPTOP: ViewportSize = {"width": 1280, "height": 720}
PRINTED: ViewportSize = {"width": 718, "height": 1016}  # A4 less its margins, at 96 dots an inch


@pytest.fixture(scope="module")
def pages():
    clear = made_up(effect=1.3)
    found = [(Path("a.json"), clear), (Path("b.json"), made_up(lever="encoding", values=("json", "msgpack")))]
    return {
        "pull": pull.html(clear),
        "undecided": pull.html(made_up(effect=1.0)),
        "invalid": pull.html(made_up(failing=(1, 2, 3))),
        "run": run.html(made_up_runs.run()),
        "index": heat_map(found, found),
    }


@pytest.mark.parametrize("name", ["pull", "undecided", "invalid", "run", "index"])
async def test_a_page_is_whole_offline_and_fits_a_laptop_and_paper(browser: Browser, pages, tmp_path, name):
    path = tmp_path / f"{name}.html"
    path.write_text(pages[name])
    context = await browser.new_context(viewport=LAPTOP, offline=True)
    page = await context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    assert errors == []
    assert (await page.locator("h1").inner_text()).strip()
    for picture in await page.locator("figure svg").all():
        box = await picture.bounding_box()
        assert box and box["width"] > 200 and box["height"] > 40
    if name == "pull":
        assert await page.locator("figure svg").count() >= 5
    assert await page.evaluate(WIDER) == []
    await page.set_viewport_size(PRINTED)
    await page.emulate_media(media="print")
    assert await page.evaluate(WIDER) == []
    await context.close()


# What reaches beyond the page and stands in nothing that scrolls.
WIDER = """() => [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        && !one.closest('.scroll') && !one.closest('svg'))
    .map(one => one.tagName + ' ' + one.className)"""
