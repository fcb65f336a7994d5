"""Shows a session while it runs: the round, how long is left, the interval as it narrows."""

import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape

from lab.experiments.session import Progress
from lab.verdict_words import percents
from levers.metrics import METRICS


class Shown:
    """A line a round; on a terminal the line of what is being done stands below and changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: tuple[float, int] | None = None
        self._status = console.status("") if console.is_terminal else None

    def __enter__(self) -> "Shown":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def see(self, progress: Progress) -> None:
        """Told at the begin of every round."""
        line = escape(self.line(progress, time.monotonic()))  # a guard's words may hold brackets
        if self._status:
            self._status.start()
            self._status.update(line)
        else:
            self._console.print(f"[dim]{line}[/dim]")

    def line(self, progress: Progress, now: float) -> str:
        """What is done, what is left, what is known so far."""
        if self._begun is None:
            self._begun = (now, progress.done)
        began, first = self._begun
        words = [f"{progress.doing} of at most {progress.of}"]
        done = progress.done - first
        if done:
            left = (now - began) / done * (progress.of - progress.done)
            words.append(f"at most {left / 60:.1f} min left")
        verdict = progress.verdict
        if verdict and verdict.effect:
            metric = METRICS[verdict.metric].label
            low, moved, high = percents(verdict.effect)
            words.append(f"{metric} {moved} ({low} to {high}, so far)")
        return ", ".join(words)
