"""`lab pull LEVER`: A against B, to a verdict."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from lab.errors import UsageError, VoidResult
from lab.experiments.result import KEPT, ROOT, RUNS, PullResult, file_name, results_of
from lab.statistics import LEAST_SESSIONS
from lab.verdict_words import GLYPHS, change, prediction_came_true
from levers.catalogue import lever_named
from levers.lever import Design
from levers.metrics import METRICS

if TYPE_CHECKING:
    from lab.experiments.plan import PullPlan
    from lab.experiments.preparation import Question

Prediction = Literal["up", "down", "same", "none"]


def command(
    *,
    name: Annotated[str, typer.Argument(metavar="LEVER", help="`lab levers` lists them.")],
    values: Annotated[
        str | None, typer.Option(help="A,B; default: the lever's first two that can run here.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="Run mode; default: the smallest for all values.")] = None,
    metric: Annotated[str | None, typer.Option(help="The metric that decides; default: the lever's.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Operations per second; default: 40 % of the lower capacity.")
    ] = None,
    trial_seconds: Annotated[
        float | None, typer.Option(min=1, max=600, help="Length of a trial; default: what the metric needs.")
    ] = None,
    warm_up_seconds: Annotated[
        float, typer.Option(min=0, max=600, help="Of each trial, before its figures begin.")
    ] = 1.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Six rounds and one look: large effects only.")
    ] = False,
    predict: Annotated[
        Prediction | None, typer.Option(help="What you expect of the metric from A to B.")
    ] = None,
    design: Annotated[
        Design | None, typer.Option(help="Another design than the lever's, to see whether both agree.")
    ] = None,
    content: Annotated[int, typer.Option(min=1, max=4096, help="Characters of a message.")] = 80,
    seed: Annotated[int, typer.Option(help="Of arrivals and orders.")] = 1,
    sessions: Annotated[
        int, typer.Option(min=1, max=99, help="Stacks in turn, each with users and arrivals of its own.")
    ] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Drop an interrupted session.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write to docs/results/pulls, to be committed, without HTML.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write the HTML report beside the result.")] = True,
) -> None:
    """Measure one lever: both sides on this machine, in balanced trials, to a verdict that may be "no".

    Stops as soon as the answer is clear. Ctrl-C keeps the finished rounds, and the tries of the
    capacity search; the same command goes on.
    An interval is of its own session. With --sessions 3 or more (seed, seed + 1 ...) the session is the
    unit, and the last sentence holds for another one too.
    Exit code 3: it ran, but the figures do not count (INVALID).
    """
    from lab.experiments.machine import refuse_changes
    from lab.experiments.preparation import Question, chosen_values, drafted

    try:
        lever = lever_named(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if sessions > 1 and sessions < LEAST_SESSIONS:
        raise UsageError(f"--sessions {sessions}: expected 1, or {LEAST_SESSIONS} or more for an interval")
    if keep:
        refuse_changes()
    console = Console(highlight=False)
    question = Question(
        lever,
        chosen_values(lever, values),
        mode,
        metric,
        rate,
        trial_seconds,
        quick=quick,
        seed=seed,
        design=design,
        content_characters=content,
        warm_up_seconds=warm_up_seconds,
    )
    draft = drafted(question)
    console.print(f"[bold]{escape(lever.question)}[/bold] A: {draft.values[0]}, B: {draft.values[1]}")
    results = measured_in_turn(question, sessions, console, Wishes(predict, fresh, keep, report))
    if sessions > 1:
        show_together(console, results)
    elif results[0].primary.word == "INVALID":
        raise VoidResult("the figures do not count, see above")


@dataclass(frozen=True)
class Wishes:
    """What is asked of a pull besides the question."""

    predict: Prediction | None
    fresh: bool
    keep: bool
    report: bool


def measured_in_turn(
    question: "Question", sessions: int, console: Console, wishes: Wishes
) -> list[PullResult]:
    """Measure, show and save each session. The first one chooses rate and trials, and its prediction counts.

    Of several, one that is there already (of the same seed, code and machine) is not measured again.
    """
    from lab.experiments.machine import fingerprint
    from lab.experiments.preparation import drafted
    from lab.experiments.series import done_already
    from lab.load.fingerprint import machine

    def kept(question: "Question") -> tuple[Path, PullResult] | None:
        if sessions == 1 or wishes.fresh:
            return None
        return done_already(question, fingerprint(machine(ROOT)), results_of(question.lever.name))

    results: list[PullResult] = []
    for number in range(sessions):
        if results:
            chosen = results[0].plan
            question = replace(
                question,
                seed=results[0].plan["seed"] + number,
                rate=chosen["rate"],
                trial_seconds=chosen["trial_seconds"],
            )
        draft = drafted(question)
        if sessions > 1:
            console.print(f"[bold]session {number + 1} of {sessions}, seed {draft.seed}[/bold]")
        if there := kept(question):
            path, result = there
            console.print(f"it is there already (--fresh measures it anew): {path}", soft_wrap=True)
            show(console, result)
            results.append(result)
            continue
        if results:
            prediction = results[0].prediction
        else:
            prediction = predicted(question, draft, console, wishes.predict, wishes.fresh)
        try:
            result = _measured(question, draft, console, prediction, wishes.fresh)
        except KeyboardInterrupt:
            console.print(interrupted(draft))
            raise
        results.append(result)
        write(console, result, wishes)
    return results


def write(console: Console, result: PullResult, wishes: Wishes) -> None:
    """Save a session, show it, and write its report."""
    from lab.experiments.compact import compact

    if wishes.keep:
        path = compact(result).save(KEPT / file_name(result))
    else:
        path = result.save(RUNS / file_name(result))
    show(console, result)
    console.print(f"result  {path}", soft_wrap=True)
    if wishes.report and not wishes.keep:
        from lab.report import pull

        others = [one for _, one in results_of(result.lever)]
        console.print(f"report  {pull.write(result, path.with_suffix('.html'), others)}", soft_wrap=True)


def show_together(console: Console, results: Sequence[PullResult]) -> None:
    """A line a session, and what they say together. Raises VoidResult where too few of them count."""
    from lab.experiments.series import about, together

    metric = results[0].primary.metric
    console.print(f"\n[bold]{escape(results[0].label(metric))}, {len(results)} sessions[/bold]")
    for one in results:
        verdict = about(one, metric)
        words = (
            f"{GLYPHS[verdict.word]} {change(verdict.effect)}" if verdict and verdict.effect else "✗ INVALID"
        )
        console.print(f"seed {one.plan['seed']}: {words}")
    joint = together(results)
    if joint is None:
        raise VoidResult(f"fewer than {LEAST_SESSIONS} sessions count, see above")
    console.print(f"[bold]{GLYPHS[joint.word]} {escape(joint.sentence)}[/bold]", soft_wrap=True)


def predicted(
    question: "Question", draft: "PullPlan", console: Console, predict: Prediction | None, fresh: bool
) -> str | None:
    """The prediction of the command line, or the one that an interrupted session holds, or the answer now."""
    from lab.experiments.unfinished import Unfinished, same_question

    unfinished = Unfinished.of(draft)
    kept = None if fresh else unfinished.kept()
    if kept is not None and same_question(kept, draft, question):
        if kept["prediction"]:
            console.print(f"Your prediction of before the interruption counts: {kept['prediction']}.")
            return str(kept["prediction"])
        if unfinished.seen():
            return None  # who saw figures cannot predict any more
    given = predict or asked(METRICS[draft.metric].label, draft.values)
    return None if given == "none" else given


def interrupted(draft: "PullPlan") -> str:
    """What Ctrl-C leaves, and how to go on."""
    from lab.experiments.unfinished import Unfinished

    unfinished = Unfinished.of(draft)
    kept, rounds, tries = unfinished.kept(), unfinished.rounds(), len(unfinished.tries.made())
    done = f"{rounds} rounds" if rounds else f"the tries of the capacity search ({tries})" if tries else ""
    if not done or kept is None:
        return "no round was finished"
    if kept["machine"].get("changed"):
        return f"{done} were done; with changes that are not committed the same command begins anew"
    return f"{done} kept; the same command goes on"


def asked(label: str, values: tuple[str, str]) -> str | None:
    """The person's prediction, or None where nobody can be asked."""
    if not sys.stdin.isatty():
        return None
    answer: str = typer.prompt(
        f"Your prediction: from {values[0]} to {values[1]}, {label} goes up, down, same (none: no opinion)",
        default="none",
    )
    if answer not in ("up", "down", "same", "none"):
        raise UsageError(f"prediction '{answer}': expected one of up, down, same, none")
    return answer


def _measured(question, draft, console, prediction, fresh) -> PullResult:  # type: ignore[no-untyped-def]
    """Bring the rig up, pull, and take it down."""
    from lab.experiments.arrangement import arrange
    from lab.experiments.progress import Shown
    from lab.experiments.pull import pull
    from lab.experiments.rig import rig_of
    from lab.experiments.unfinished import Unfinished
    from lab.load.run import run_load

    def tell(line: str) -> None:
        console.print(f"[dim]{time.strftime('%H:%M:%S')} {escape(line)}[/dim]")

    with Unfinished.of(draft).alone(), tempfile.TemporaryDirectory(prefix="lab-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may be another user
        with rig_of(draft, arrange(draft, Path(folder)), run_load, tell) as rig:
            with Shown(console) as shown:
                return asyncio.run(
                    pull(
                        question,
                        draft,
                        rig,
                        tell=tell,
                        watch=shown.see,
                        prediction=prediction,
                        fresh=fresh,
                    )
                )


def show(console: Console, result: PullResult) -> None:
    """The verdicts, the prediction, and what to know about them."""
    console.print()
    for number, verdict in enumerate(result.verdicts):
        if number and verdict.word == "INVALID" and result.primary.word != "INVALID":
            why = "; ".join(one.seen for one in verdict.caveats if one.grave)
            words = f"Of {METRICS[verdict.metric].label} no figure is claimed: {why}."
            console.print(f"[dim]{escape(words)}[/dim]", soft_wrap=True)
            continue
        style = "bold" if number == 0 else "none"
        console.print(f"[{style}]{GLYPHS[verdict.word]} {escape(verdict.sentence)}[/{style}]", soft_wrap=True)
    if result.prediction:
        words = prediction_came_true(result.prediction, result.primary.word, result.primary.effect)
        console.print(f"Your prediction ({result.prediction}): {words}.")
    for caveat in result.primary.caveats:
        console.print(f"[dim]{escape(f'{caveat.name}: {caveat}')}[/dim]", soft_wrap=True)
