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

from lab.errors import LabError, UsageError, VoidResult
from lab.experiments.plan import QUICK_ROUNDS
from lab.experiments.result import KEPT, ROOT, RUNS, PullResult, file_name, results_of
from lab.statistics import LEAST_SESSIONS
from lab.verdict import LOOKS
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
    rounds: Annotated[
        int | None,
        typer.Option(min=QUICK_ROUNDS, max=200, help="So many, and one look; default: looks at 12, 20, 30."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="--rounds 6: large effects only.")] = False,
    predict: Annotated[
        Prediction | None, typer.Option(help="What you expect of the metric from A to B.")
    ] = None,
    design: Annotated[
        Design | None, typer.Option(help="Another design than the lever's, to see whether both agree.")
    ] = None,
    content: Annotated[int, typer.Option(min=1, max=4096, help="Characters of a message.")] = 80,
    mix: Annotated[
        str | None, typer.Option(help="Load, see `lab load --help`; default: the lever's.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of both sides, as of `lab up`."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of arrivals and orders.")] = 1,
    sessions: Annotated[
        int, typer.Option(min=1, max=99, help="Stacks in turn, seed, seed + 1 ...; of 12 rounds each.")
    ] = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure anew what an interruption left, rounds or sessions.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Write to docs/results/pulls, to be committed, without HTML.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write the HTML report beside the result.")] = True,
) -> None:
    """Measure one lever: both sides on this machine, in balanced trials, to a verdict that may be "no".

    Another context, as a handler behind FastAPI: --set QUERY_PATH=fastapi, for both sides.
    Stops as soon as the answer is clear. Ctrl-C keeps the finished rounds, and the tries of the
    capacity search; the same command goes on.
    An interval is of its own session. With --sessions 3 or more each has a stack, users and arrivals of
    its own, and the last sentence is about their mean: choose the number before you look.
    Exit code 3: it ran, but the figures do not count (INVALID).
    """
    from lab.experiments.machine import refuse_changes
    from lab.experiments.preparation import Question, chosen_values, drafted
    from lab.stack.settings_listing import parse_overrides

    try:
        lever = lever_named(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if 1 < sessions < LEAST_SESSIONS:
        raise UsageError(f"--sessions {sessions}: expected 1, or {LEAST_SESSIONS} or more for an interval")
    if sessions > 1 and rate is None:
        raise UsageError("--sessions: needs --rate, the same for all; `lab pull` without it finds one")
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
        rounds=rounds or (QUICK_ROUNDS if quick else LOOKS[0] if sessions > 1 else None),
        seed=seed,
        design=design,
        content_characters=content,
        warm_up_seconds=warm_up_seconds,
        mix=mix,
        held=parse_overrides(set_ or []),
    )
    draft = drafted(question)
    console.print(f"[bold]{escape(lever.question)}[/bold] A: {draft.values[0]}, B: {draft.values[1]}")
    wishes = Wishes(predict, fresh, keep, report)
    if sessions > 1:
        series(question, sessions, console, wishes)
        return
    path, result, trouble = one_session(question, console, wishes)
    show(console, result)
    console.print(f"result  {path}", soft_wrap=True)
    if report and not keep:
        from lab.experiments.series import sessions_of

        others = [one for _, one in results_of(result.lever)]
        reported(console, path, result, sessions_of(result, others))
    if trouble:
        raise trouble
    if result.primary.word == "INVALID":
        raise VoidResult("the figures do not count, see above")


@dataclass(frozen=True)
class Wishes:
    """What is asked of a pull besides the question."""

    predict: Prediction | None
    fresh: bool
    keep: bool
    report: bool


def one_session(
    question: "Question", console: Console, wishes: Wishes
) -> tuple[Path, PullResult, LabError | None]:
    """Measure it, on a stack of its own; what an interruption leaves is told.

    The file is written before the stack is taken down, and a stack that did not stop takes nothing back:
    what is wrong with it comes beside the result.
    """
    from lab.experiments.preparation import drafted

    draft = drafted(question)
    prediction = predicted(question, draft, console, wishes.predict, wishes.fresh)
    done: list[tuple[Path, PullResult]] = []

    def save(result: PullResult) -> None:
        try:
            done.append((saved(result, wishes.keep), result))
        except OSError as error:
            raise LabError(
                f"the result cannot be written ({error.strerror}); its rounds are kept, and the same command "
                f"{'without --fresh ' if wishes.fresh else ''}writes it"
            ) from None

    trouble = None
    try:
        _measured(question, draft, console, prediction, wishes.fresh, save=save)
    except LabError as error:
        if not done:
            raise
        trouble = error
    except BaseException as error:
        if done:
            console.print(f"result  {done[0][0]}", soft_wrap=True)
        elif isinstance(error, KeyboardInterrupt):
            console.print(interrupted(draft, wishes.fresh))
        raise
    return *done[0], trouble


def series(question: "Question", sessions: int, console: Console, wishes: Wishes) -> None:
    """Measure each session, but for those that an interrupted series has by now, and say what all say.

    The prediction is made once, before the first. Raises VoidResult where too few sessions count, and at
    the end what was wrong with a stack that did not stop.
    """
    from lab.experiments.machine import fingerprint, refuse_changes
    from lab.experiments.series import done_already, refuse_others, with_invalid
    from lab.load.fingerprint import machine

    asked_here = f"{question.lever.name}.{'-'.join(question.values).replace('/', '_')}"
    found: list[tuple[Path, PullResult]] = []
    troubles: list[LabError] = []
    for number in range(sessions):
        own = replace(question, seed=question.seed + number)
        console.print(f"[bold]session {number + 1} of {sessions}, seed {own.seed}[/bold]")
        folders = (KEPT,) if wishes.keep else (KEPT, RUNS)
        before = results_of(asked_here, folders)
        there = None if wishes.fresh else done_already(own, fingerprint(machine(ROOT)), before)
        if there:
            console.print(f"it is there (--fresh measures it anew): {there[0]}", soft_wrap=True)
        else:
            if wishes.keep:
                refuse_changes()
            asked = wishes if not found else replace(wishes, predict="none")
            path, result, trouble = one_session(own, console, asked)
            there = path, result
            if trouble:
                console.print(f"the session is kept, but {trouble}", soft_wrap=True, markup=False)
                troubles.append(trouble)
        show(console, there[1])
        found.append(there)
    results = [result for _, result in found]
    refuse_others(results)
    attempts = with_invalid(results, [one for _, one in results_of(asked_here, (KEPT, RUNS))])
    if wishes.report and not wishes.keep:
        for path, result in found:
            reported(console, path, result, attempts)
    show_together(console, attempts, sessions)
    if troubles:
        raise troubles[0]


def saved(result: PullResult, keep: bool) -> Path:
    """Where it was written."""
    from lab.experiments.compact import compact

    return compact(result).save(KEPT / file_name(result)) if keep else result.save(RUNS / file_name(result))


def reported(console: Console, path: Path, result: PullResult, sessions: Sequence[PullResult]) -> None:
    """Write the page beside the result, with these sessions."""
    from lab.report import pull

    console.print(f"report  {pull.write(result, path.with_suffix('.html'), sessions)}", soft_wrap=True)


def show_together(console: Console, results: Sequence[PullResult], sessions: int) -> None:
    """A line an attempt, those of now first, and what they say. Raises VoidResult where too few count.

    `sessions`: how many were asked for.
    """
    from lab.experiments.series import about, sessions_needed, together

    metric, prediction = results[0].plan["metric"], results[0].prediction
    console.print(f"\n[bold]{escape(results[0].label(metric))}, {len(results)} sessions[/bold]")
    for one in results:
        verdict = about(one, metric)
        words = (
            f"{GLYPHS[verdict.word]} {change(verdict.effect)}" if verdict and verdict.effect else "✗ INVALID"
        )
        console.print(f"seed {one.plan['seed']}: {words}")
    joint = together(results, metric)
    if joint is None:
        count = sum(about(one, metric) is not None for one in results)
        needed = sessions_needed(results, metric)
        with_more = f"with --sessions {needed} it" if needed > sessions else "the same command"
        raise VoidResult(
            f"{count} of {len(results)} sessions count: too few, for one that is measured again stays "
            f"among those that do not; {with_more} goes on"
        )
    console.print(f"[bold]{GLYPHS[joint.word]} {escape(joint.sentence)}[/bold]", soft_wrap=True)
    if prediction:
        told = prediction_came_true(prediction, joint.word, joint.effect)
        console.print(f"Your prediction ({prediction}): {told}.")
    for caveat in joint.caveats:
        console.print(f"[dim]{escape(caveat.seen)}[/dim]", soft_wrap=True)


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


def interrupted(draft: "PullPlan", fresh: bool = False) -> str:
    """What Ctrl-C leaves, and how to go on."""
    from lab.experiments.unfinished import Unfinished

    unfinished = Unfinished.of(draft)
    kept, rounds, tries = unfinished.kept(), unfinished.rounds(), len(unfinished.tries.made())
    done = f"{rounds} rounds" if rounds else f"the tries of the capacity search ({tries})" if tries else ""
    if not done or kept is None:
        return "no round was finished"
    if kept["machine"].get("changed"):
        return f"{done} were done; with changes that are not committed the same command begins anew"
    return f"{done} kept; the same command{' without --fresh' if fresh else ''} goes on"


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


def _measured(question, draft, console, prediction, fresh, *, save) -> None:  # type: ignore[no-untyped-def]
    """Bring the rig up, pull, save the result, and take the rig down."""
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
                asyncio.run(
                    pull(
                        question,
                        draft,
                        rig,
                        tell=tell,
                        watch=shown.see,
                        save=save,
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
