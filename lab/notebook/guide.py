"""The notebook in docs/results: what to pull first, the ranking, a page a lever, a heat map.

Everything in it comes from result files; `lab guide` writes it anew, so that no figure is typed by hand.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from lab.experiments.result import KEPT, PullResult, results_of, without_words
from lab.experiments.series import sessions_of
from lab.notebook import scaling
from lab.notebook.advice import size
from lab.notebook.evidence import evidence
from lab.notebook.first import first
from lab.notebook.head import machines
from lab.notebook.heat_map import heat_map
from lab.notebook.kills import kills
from lab.notebook.lever_page import Beside, lever_page
from lab.notebook.opening import opening
from lab.notebook.ranking import ranking
from lab.notebook.short import short_answer
from lab.notebook.standing import FIRM, Found, catalogued, firm, latest_of, roomy
from lab.notebook.symptoms import symptoms
from lab.notebook.unseen import unseen
from lab.report import pull
from lab.report.load_words import bounded, searched
from lab.report.style import standalone
from lab.report.style.page import TEMPLATES
from levers.catalogue import catalogue

FOLDER = KEPT.parent
OWN = ("README.md", "ranking.md", "evidence.md", "claims.md")
EXAMPLE = "pull.html"  # one pull as its own page, for who has not run any yet
EXAMPLE_LEVER = "event_loop"


def write(folder: Path = FOLDER, results: Sequence[Found] | None = None) -> list[Path]:
    """Write index, heat map, pages and figures; returns what was written.

    All are drawn before the first is written, so that whoever stops it keeps the old pages whole.
    """
    for path in folder.glob("pulls/*.json"):
        without_words(path)
    found = list(results_of(folders=[folder / "pulls"]) if results is None else results)
    latest = sorted(latest_of(found), key=lambda one: (-size(one[1]), one[1].lever))
    sweeps, capacities = scaling.sweeps_of(folder / "sweeps"), scaling.capacities_of(folder / "capacity")
    texts = {
        folder / "README.md": index(latest, others(folder), capacities, found),
        folder / "ranking.md": ranking(latest, capacities),
        folder / "evidence.md": evidence(latest, found, sweeps, capacities),
        folder / "index.html": heat_map(latest, found),
    }
    if example := example_of(latest):
        texts[folder / EXAMPLE] = pull.html(example, sessions_of(example, [one for _, one in found]))
    for path, sweep in sweeps:
        texts[folder / "figures" / f"{path.stem}.svg"] = standalone(scaling.drawn(sweep))
    for name in sorted({result.lever for _, result in latest} | {sweep["lever"] for _, sweep in sweeps}):
        own = sorted((one for one in latest if one[1].lever == name), key=lambda one: not firm(one[1]))
        for path, result in own:
            drawn = pull.intervals(result)
            if drawn:
                texts[folder / "figures" / f"{path.stem}.svg"] = standalone(drawn)
        besides = scaling.on_lever(name, sweeps) + kills(name, folder / "faults.md")
        swept = [sweep for _, sweep in sweeps if sweep["lever"] == name]
        beside = Beside(besides, swept, found, capacities)
        texts[folder / "levers" / f"{name}.md"] = lever_page(name, own, beside)
    old = set((folder / "levers").glob("*"))
    for name in catalogue():  # other pages keep figures there as well
        old |= set((folder / "figures").glob(f"{name}.*.svg"))
    for path in old - set(texts):
        path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(texts)


def index(
    latest: Sequence[Found],
    besides: Sequence[str] = (),
    capacities: Sequence[scaling.Searched] = (),
    found: Sequence[Found] = (),
) -> str:
    """README.md: what to pull first, the answer, whom it concerns, what to conclude; of firm results only.

    A lever whose claim the load cannot show is left to the ranking.
    """
    asked: dict[str, list[PullResult]] = {}
    for _, one in catalogued(latest):
        asked.setdefault(one.lever, []).append(one)
    blind = {name for name, own in asked.items() if unseen(own)}
    sure = [(path, one) for path, one in latest if firm(one) and one.lever not in blind]
    only = [f"Only firm results are here: {FIRM}."] if sure else []
    example = [f"One pull as `lab pull` draws it: [{EXAMPLE}]({EXAMPLE})."] if example_of(latest) else []
    lines = [
        *(TEMPLATES / "guide.txt").read_text().splitlines(),
        *only,
        *example,
        "",
        *machines(sure or latest),
        *first(sure, bool(blind)),
        *short_answer(sure, capacities, found),
        *symptoms(sure),
        *opening(sure),
        *(["## What else was measured", "", *(f"- {link}" for link in besides), ""] if besides else []),
        "`lab guide` writes this page from the result files in [pulls](pulls); no figure is typed by hand.",
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def example_of(latest: Sequence[Found]) -> PullResult | None:
    """The pull whose page is kept: firm, of the lever that everybody knows, with a capacity to draw.

    One that was predicted and had room comes first, also of another lever.
    """
    found = [one for _, one in latest if one.primary.decided]
    return min(
        found,
        key=lambda one: (
            not firm(one),
            not (searched(one) and one.prediction and roomy(one)),
            one.lever != EXAMPLE_LEVER,
            not bounded(one),
            not searched(one),
        ),
        default=None,
    )


def others(folder: Path) -> list[str]:
    """Links to the pages in the folder that no pull made (faults, seeding ...), and to their pictures."""
    found = []
    for path in sorted(folder.glob("*.md")):
        title = path.read_text().partition("\n")[0].lstrip("# ")
        if path.name not in OWN:
            drawn = path.with_suffix(".html")
            pictures = f" ([drawn]({drawn.name}))" if drawn.exists() else ""
            found.append(f"[{title}]({path.name}){pictures}")
    return found
