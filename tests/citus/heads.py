"""What stands in the heads of the runbook's files, so that tests run it as it stands there."""

import re

from tests.citus.conftest import RUNBOOK


def line(step: str, word: str) -> list[str]:
    """The line `-- Word:` of a step's head, and those that go on with it."""
    text = next(RUNBOOK.glob(f"{step}*.sql")).read_text()
    found = re.search(rf"^-- {word}: +(.*\n(?:--       .*\n)*)", text, re.MULTILINE)
    assert found is not None, (step, word)
    return [one.removeprefix("--").strip() for one in found.group(1).splitlines()]


def undo(step: str) -> list[str]:
    """The statements of a step's undo, which may go over several lines."""
    return re.findall(r"\b(?:SELECT|TRUNCATE) [^;]*;", " ".join(line(step, "Undo")))


def commands(step: str) -> list[str]:
    """The commands of a step's `Run:`, without the words between them."""
    return [one for one in line(step, "Run") if re.match(r"(psql|pg_dump|pg_restore) ", one)]
