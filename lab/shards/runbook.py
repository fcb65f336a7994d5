"""The statements of citus/runbook, so that the commands run what a person would: one text for both."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "citus" / "runbook"


def statement(step: str, starts_with: str, **variables: str | int) -> str:
    """The first statement of file `step`_*.sql that begins with `starts_with`, psql's variables filled in.

    Raises LookupError when the runbook has no such statement (a test runs them all).
    """
    (file,) = FOLDER.glob(f"{step}_*.sql")
    text = re.sub(r"--.*", "", file.read_text())
    for part in re.findall(rf"^{re.escape(starts_with)}.*?;", text, re.DOTALL | re.MULTILINE):
        return _filled(part, variables)
    raise LookupError(f"{file}: no statement begins with {starts_with}")


def transaction(step: str, **variables: str | int) -> str:
    """Everything from BEGIN to COMMIT of file `step`_*.sql."""
    (file,) = FOLDER.glob(f"{step}_*.sql")
    found = re.search(r"^BEGIN;.*?^COMMIT;", file.read_text(), re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"{file}: no transaction")
    return _filled(found.group(), variables)


def whole(step: str) -> str:
    """All of file `step`_*.sql, for one that needs nothing of psql."""
    (file,) = FOLDER.glob(f"{step}_*.sql")
    return file.read_text()


def _filled(text: str, variables: dict[str, str | int]) -> str:
    for name, value in variables.items():
        quoted = str(value).replace("'", "''")
        text = text.replace(f":'{name}'", f"'{quoted}'").replace(f":{name}", str(value))
    return text
