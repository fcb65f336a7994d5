"""The `lab` command: finds the command's module, runs it, and turns expected errors into one line."""

import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import typer
from typer._click import exceptions as click  # Typer carries its own click

from lab.errors import LabError, StackError

HELP = """Pull one scaling lever at a time on a real stack, and get an answer that a sceptic accepts.

A first walk: `lab doctor` (what can run here), `lab demo` (everything in two minutes), then `lab up`,
`lab seed`, `lab load`, `lab report`, `lab down`. Each command has its own --help.

Exit codes: 0 done, 1 could not, 2 wrong arguments, 3 it ran but the figures do not count,
4 no stack is running, 5 the stack did not start or stop, 130 interrupted."""

# name: (module with `command`, line in `lab --help`). The order is the order of the help.
COMMANDS = {
    "demo": ("lab.commands.demo", "Start a stack, seed it, load it, end with a report: two minutes."),
    "doctor": (
        "lab.commands.doctor",
        "What this machine has and lacks for each run mode, and what mends it.",
    ),
    "up": ("lab.commands.up", "Start a stack on this machine."),
    "status": ("lab.commands.status", "What runs where, its health, its effective settings."),
    "down": ("lab.commands.down", "Stop the stack, gracefully."),
    "logs": ("lab.commands.logs", "What the processes of the stack say."),
    "scale": ("lab.commands.scale", "More or fewer instances of a running stack."),
    "rollout": ("lab.commands.rollout", "Replace the services one by one; nobody notices."),
    "seed": ("lab.commands.seed", "Fill the database with users, dialogs and messages."),
    "load": ("lab.commands.load", "Run a load on the stack and write a result file."),
    "report": ("lab.commands.report", "Make the HTML report of a result file."),
    "bench": ("lab.commands.bench", "Our send and list endpoints against their twins."),
    "levers": ("lab.commands.levers", "What can be pulled, and what is known about it."),
    "show": ("lab.commands.show", "A lever's page, and its latest result."),
    "pull": ("lab.commands.pull", "Measure one lever: A against B, to a verdict."),
    "replicas": ("lab.commands.replicas", "Streaming replicas: lag, share of reads, promotion."),
    "shards": ("lab.commands.shards", "Shards of a Citus cluster: look, grow, rebalance, drain, shrink."),
    "compare": ("lab.commands.compare", "Two pulls of one question, or two loads, side by side."),
    "history": ("lab.commands.history", "Every result of a lever."),
    "guide": ("lab.commands.guide", "Write the notebook in docs/results from its result files."),
    "all": ("lab.commands.all", "Pull every lever that can run here, over night."),
    "sweep": ("lab.commands.sweep", "The capacity of many values of a lever."),
    "scale-curve": ("lab.commands.scale_curve", "Capacity over 1..N, and the law that fits it."),
    "capacity": ("lab.commands.capacity", "The highest rate under the SLO, as a bracket."),
    "plan": ("lab.commands.plan", "From measured capacity to users, machines and cost."),
    "faults": ("lab.commands.faults", "Break each part under load; what is seen beside what is promised."),
    "drill": ("lab.commands.drill", "A mistake switched on, its harm, and the cure."),
    "soak": ("lab.commands.soak", "A long load with devices that come and go; nothing may grow."),
    "lie": ("lab.commands.lie", "A lie of load testing beside the truth, live."),
}


def _not_here(name: str) -> Callable[[], None]:
    def command() -> None:
        raise LabError(f"lab {name}: not in this version")

    return command


def build(wanted: str | None) -> typer.Typer:
    """The command line with `wanted` imported; of the others only name and help line, so --help is quick."""
    app = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(lambda: None)
    for name, (module, line) in COMMANDS.items():
        if name != wanted:
            app.command(name, help=line)(_not_here(name))
            continue
        command: Any
        try:
            command = importlib.import_module(module).command
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            command = _not_here(name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(143)  # so that every `finally` runs


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    wanted = next((word for word in arguments if not word.startswith("-")), None)
    try:
        result = typer.main.get_command(build(wanted))(
            list(arguments), prog_name="lab", standalone_mode=False
        )
        return result if isinstance(result, int) else 0
    except LabError as error:
        if isinstance(error, StackError) and error.log:
            print(error.log.rstrip(), file=sys.stderr)
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except click.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "lab"
        print(f"{where}: {error.format_message()} ({where} --help explains)", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("lab: interrupted", file=sys.stderr)
        return 130


def main() -> None:
    """Entry point of the `lab` script."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # `lab status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


if __name__ == "__main__":
    main()
