"""What the lab says when it cannot go on: one line and an exit code, never a traceback."""


class LabError(Exception):
    """Base of the expected errors; str(error) is one line: what happened, the value seen, what to do.

    LabError              exit code 1
    +-- UsageError        exit code 2   the command or an argument is wrong
    +-- VoidResult        exit code 3   it ran, but the figures do not count (ledger not clean, INVALID)
    +-- NotRunning        exit code 4   there is no stack in that folder
    +-- StackError        exit code 5   the stack did not start, or did not stop
    """

    exit_code = 1


class UsageError(LabError):
    """The command or an argument is wrong."""

    exit_code = 2


class VoidResult(LabError):
    """It ran, but the figures do not count: the ledger is not clean, or the run is INVALID."""

    exit_code = 3


class NotRunning(LabError):
    """There is no stack in that folder."""

    exit_code = 4


class StackError(LabError):
    """The stack did not start, or did not stop. `log` holds the last lines of the process's log."""

    exit_code = 5

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
