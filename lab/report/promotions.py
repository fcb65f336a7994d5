"""The page of docs/results/replicas.json: what each way of replicating costs when its primary ends.

`python -m lab.report.promotions FOLDER FILE.json COMMAND` gathers the rounds in a folder into a file, and
writes its page beside it; docs/results/replicas.sh does.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from lab.load.fingerprint import machine

Round = Mapping[str, Any]
WAYS = {  # as replicas.sh names them: words of the page
    "async, killed": "async, primary killed",
    "FIRST 1, killed": "FIRST 1, primary killed",
    "ANY 1 of 2, killed": "ANY 1 of 2 replicas, primary killed",
    "async, planned": "async, planned (stopped in order)",
}
ALONE = "FIRST 1, killed"  # its promoted replica has nobody left who confirms
PAGE = Path(__file__).parent / "templates" / "promotions.txt"


def page(measured: Mapping[str, Any], file: str) -> str:
    """Markdown from what `gather` writes. Raises KeyError when one of the ways was not measured."""
    rounds: Mapping[str, Round] = measured["rounds"]  # by `way, round`
    by_way = {way: [one for name, one in rounds.items() if name.rpartition(", ")[0] == way] for way in WAYS}
    for way, found in by_way.items():
        if not found:
            raise KeyError(way)
    gone = [one["ledger"]["acknowledged_not_stored"] for one in by_way["async, killed"]]
    return PAGE.read_text().format(
        day=measured["day"],
        cores=measured["machine"]["cores"],
        cpu=measured["machine"]["cpu"],
        commit=measured["commit"],
        command=measured["command"],
        file=file,
        rows="".join(
            f"| {WAYS[way]} | {' | '.join(_cells(way, found))} |\n" for way, found in by_way.items()
        ),
        lost=f"{sum(gone)} in {sum(map(bool, gone))} of {len(gone)} rounds here",
        outage=_seconds(_outage(ALONE, one) for one in by_way[ALONE]),
    )


def _cells(way: str, found: Sequence[Round]) -> list[str]:
    promotions, ledgers = [one["promotion"] for one in found], [one["ledger"] for one in found]
    return [
        _seconds(one["down_seconds"] for one in promotions),
        _seconds(one["rejoin_seconds"] for one in promotions),
        _seconds(_outage(way, one) for one in found),
        ", ".join(f"{one['sends']:,}" for one in found),
        "; ".join(_errors(one["errors"]) for one in found),
        ", ".join(f"{one['p99'] * 1000:,.0f}" for one in found) + " ms",
        ", ".join(f"{one['lost_bytes']:,}" for one in promotions) + " B",
        ", ".join(f"{one['acknowledged_not_stored']} of {one['acknowledged']:,}" for one in ledgers),
    ]


def _outage(way: str, one: Round) -> float:
    promotion = one["promotion"]
    return float(promotion["down_seconds"] + (promotion["rejoin_seconds"] if way == ALONE else 0.0))


def _errors(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{count} x {word}" for word, count in errors.items()) or "none"


def _seconds(values: Any) -> str:
    return ", ".join(f"{value:.1f}" for value in values) + " s"


def gather(folder: Path, path: Path, command: str) -> None:
    """One file of the rounds in `folder`, with this machine, its code and the day; and its page."""
    here = machine(folder)
    measured = {
        "command": command,
        "day": f"{datetime.now():%Y-%m-%d}",
        "machine": msgspec.to_builtins(here),
        "commit": here.code,
        "rounds": {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))},
    }
    path.write_text(json.dumps(measured, indent=1) + "\n")
    path.with_suffix(".md").write_text(page(measured, path.name))


if __name__ == "__main__":
    gather(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
