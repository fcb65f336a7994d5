"""The commands that make a run again from nothing: the stack, its people, the load."""

import shlex
from dataclasses import replace

from lab.experiments.plan import plan_from
from lab.experiments.preparation import needed_seconds
from lab.experiments.pull import command_of
from lab.experiments.result import PullResult
from lab.load.record import RunRecord

COUNTED = {"multi", "stack", "citus"}  # run modes in which the number of processes is a choice


def again(record: RunRecord) -> str:
    """A line each. `lab demo` makes all of it by itself."""
    if not record.command.startswith("lab load"):
        return record.command
    return "\n".join((_up(record), f"lab seed --users {record.settings.users}", record.command))


def pull_again(result: PullResult) -> str:
    """The command that asks the same today: the stored one leaves out what was the default then.

    Its trials are lengthened where they were too short for their metric, which is refused now.
    """
    plan = plan_from(result.plan)
    seconds = max(plan.trial_seconds, needed_seconds(plan, plan.rate))
    return command_of(replace(plan, trial_seconds=seconds))


def _up(record: RunRecord) -> str:
    words = ["lab", "up", "--mode", record.stack.mode]
    if record.stack.mode in COUNTED:
        for option, kind in (("--api", "backend-"), ("--websocket", "websocket-")):
            words += [option, str(sum(name.startswith(kind) for name in record.stack.effective))]
    for name, value in sorted(record.stack.levers.items()):
        words += ["--set", f"{name}={value}"]
    return shlex.join(words)
