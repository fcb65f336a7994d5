"""`lab bench`: send and list against their twins, in turns. `lab bench push`: sockets."""

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from lab.errors import UsageError, VoidResult

command = typer.Typer(invoke_without_command=True, no_args_is_help=False)


def _output(path: Path | None) -> str:
    """The option as the printed command has it."""
    return f" --output {path}" if path else ""


@command.callback()
def send_and_list(
    context: typer.Context,
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 12,
    seconds: Annotated[float, typer.Option(min=0.2, help="Seconds of a turn.")] = 1.5,
    seed: Annotated[int, typer.Option(help="Of users, dialogs and the order of turns.")] = 1,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="One short round: that all answer and nothing is lost.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """Send and list: ours, with and without group commit, against three ways FastAPI code is written.

    Every contender is one process on the same database; they take turns, so that a busy machine is unfair
    to none. CPU comes from the scheduler's own counters. Exit code 3: something acknowledged is not stored.
    """
    if context.invoked_subcommand is not None:
        return
    from lab.bench.page import page, short
    from lab.bench.rounds import BenchPlan, bench

    words = f"lab bench --rounds {rounds} --seconds {seconds:g} --seed {seed}"
    if smoke:
        rounds, seconds, words = 1, 0.5, "lab bench --smoke"
    words += _output(output)
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        plan = BenchPlan(rounds, seconds, seed, Path(folder) / "stack", words)
        result = bench(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(short(result)))
    ledger = result.ledger
    print(
        f"ledger: {ledger['acknowledged']:,} acknowledged, {ledger['stored']:,} stored, {ledger['gaps']} gaps"
    )
    if output is not None:
        result.save(output)
        output.with_suffix(".md").write_text(page(result, output.name))
        print(f"result: {output}  page: {output.with_suffix('.md')}")
    if ledger["acknowledged"] != ledger["stored"] or ledger["gaps"]:
        raise VoidResult("bench: the ledger does not balance; the figures do not count")


@command.command("push")
def push(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 6,
    seconds: Annotated[float, typer.Option(min=0.5, help="Seconds of a turn.")] = 3.0,
    sockets: Annotated[int, typer.Option(min=2, help="Sockets that are written to.")] = 1000,
    idle: Annotated[int, typer.Option(min=1, help="Idle sockets whose memory is taken.")] = 5000,
    seed: Annotated[int, typer.Option(help="Of who writes to whom and the order of turns.")] = 1,
    broker: Annotated[str, typer.Option(help="postgres | rabbitmq (needs rabbitmq-server, haproxy).")] = (
        "postgres"
    ),
    transport: Annotated[
        str, typer.Option(help="tcp | unix: as the proxy reaches a service (needs haproxy).")
    ] = "tcp",
    smoke: Annotated[bool, typer.Option("--smoke", help="Few sockets, one short round.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """The websocket service against its library alone: CPU a delivery, memory a socket, a stuck reader.

    Exit code 3: a delivery did not arrive, or a client that does not read held up the others.
    """
    from lab.bench.push.page import goal, page, reached, rows
    from lab.bench.push.run import PushPlan, bench

    if broker not in ("postgres", "rabbitmq"):
        raise UsageError(f"--broker {broker}: expected one of postgres, rabbitmq")
    if transport not in ("tcp", "unix"):
        raise UsageError(f"--transport {transport}: expected one of tcp, unix")
    words = f"lab bench push --rounds {rounds} --seconds {seconds:g} --sockets {sockets} --idle {idle}"
    words += f" --seed {seed} --broker {broker} --transport {transport}"
    if smoke:
        rounds, seconds, sockets, idle, words = 1, 1.0, 50, 200, "lab bench push --smoke"
    words += _output(output)
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        home = Path(folder) / "stack"
        plan = PushPlan(rounds, seconds, sockets, idle, seed, broker, transport, home, words)
        result = bench(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print(f"{'':74} {'the service':>26} {'the library alone':>26}")
    for what, ours, bare in rows(result):
        print(f"{what:74} {ours:>26} {bare:>26}")
    for rate, ours, bare in reached(result):
        print(f"{rate:>7} deliveries/s asked for: {ours} (the library alone: {bare})")
    print(goal(result))
    if output is not None:
        result.save(output)
        output.with_suffix(".md").write_text(page(result, output.name))
        print(f"result: {output}  page: {output.with_suffix('.md')}")
    if result.lost:
        raise VoidResult(f"bench push: {result.lost} deliveries did not arrive; the figures do not count")
    if wrong := result.held_up():
        raise VoidResult(f"bench push: {wrong}")


@command.command("broker")
def broker(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each has its turn.")] = 3,
    hints: Annotated[int, typer.Option(min=100, help="Hints of a turn.")] = 20_000,
    brokers: Annotated[
        str,
        typer.Option(help="Comma list of postgres, rabbitmq, nats, redis.", show_default="those installed"),
    ] = "",
    rates: Annotated[
        str, typer.Option(help="Comma list of hints a second, for RabbitMQ at a rate; none: leave it out.")
    ] = "250,1000,3000",
    output: Annotated[
        Path | None, typer.Option(help="Folder for broker.json and the page broker.md.")
    ] = None,
) -> None:
    """What a hint costs on each broker: CPU of publisher, consumer and broker, by batch and rate."""
    from lab.bench.broker_run import BrokerPlan, bench, installed

    chosen = brokers.split(",") if brokers else installed()
    words = f"lab bench broker --rounds {rounds} --hints {hints}" + (
        f" --brokers {brokers}" if brokers else ""
    )
    try:
        wanted = () if rates == "none" else tuple(float(rate) for rate in rates.split(","))
    except ValueError:
        wanted = (0.0,)
    if any(not rate > 0 for rate in wanted):
        raise UsageError(f"--rates {rates}: expected hints a second, such as 250,1000, or none")
    words += f" --rates {rates}"
    bench(BrokerPlan(tuple(chosen), rounds, hints, wanted, words), output, print)


@command.command("citus")
def citus_(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each contender has its turn.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.2, help="Seconds of a turn.")] = 2.0,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """Plain PostgreSQL against Citus: 1 to 3 workers, 1 to 32 shards, by dialog and by id, an inbox.

    Needs a PostgreSQL that offers the extension (lab doctor says).
    """
    from lab.bench.citus.contenders import CELLS
    from lab.bench.citus.page import save, table
    from lab.bench.citus.run import bench

    words = f"lab bench citus --rounds {rounds} --seconds {seconds:g}"
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        home = Path(folder) / "stack"
        result = bench(rounds, seconds, words, home, lambda line: print(line, file=sys.stderr, flush=True))
    for cell, what in CELLS.items():
        print(f"{what}\n  {'':28}{'per s':>8} {'x plain':>24}{'CPU us':>8}{'p50 ms':>8}{'p99 ms':>8} errors")
        for name, rate, times, cpu, p50, p99, errors in table(result, cell):
            print(f"  {name:28}{rate:>8} {times:>24}{cpu:>8}{p50:>8}{p99:>8} {errors:>6}")
    if output is not None:
        save(result, output)
        print(f"result: {output}  page: {output.with_suffix('.md')}")


@command.command("prices")
def prices(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each way has its turn.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of a turn.")] = 12.0,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second.")] = 200.0,
    sockets: Annotated[int, typer.Option(min=10, help="Devices that listen.")] = 200,
    only: Annotated[
        str, typer.Option(help="Comma list of proxy, broker, guarantee, routing, encoding.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of arrivals and the order of turns.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """The price of each hop and guarantee: proxy, broker, delivery, routing, encoding, at one rate.

    Needs RabbitMQ and HAProxy. A stack for each way: 5 to 10 minutes a round.
    """
    from lab.bench.prices import page
    from lab.bench.prices.run import PricesPlan, bench
    from lab.bench.prices.ways import GROUPS

    asked = only.split(",") if only else [""]
    if unknown := [word for word in asked if not any(word in name for name in GROUPS)]:
        raise UsageError(f"--only {unknown[0]}: expected words of {', '.join(GROUPS)}")
    groups = tuple(name for name in GROUPS if any(word in name for word in asked))
    words = f"lab bench prices --rounds {rounds} --seconds {seconds:g} --rate {rate:g} --sockets {sockets}"
    words += f" --seed {seed}" + (f" --only {only}" if only else "")
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        plan = PricesPlan(rounds, seconds, rate, sockets, seed, Path(folder) / "stack", words, groups)
        result = bench(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print(page.markdown(result))
    if output is not None:
        print("result: {}  page: {}".format(*page.write(result, output)))


@command.command("rival")
def rival(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of a turn.")] = 10.0,
    rate: Annotated[float, typer.Option(min=4, help="Messages a second, to two users each.")] = 200.0,
    sockets: Annotated[int, typer.Option(min=10, help="Sockets of each side.")] = 200,
    services: Annotated[int, typer.Option(min=1, help="Websocket services of each side.")] = 2,
    publish_interval: Annotated[
        float, typer.Option(min=0, max=1, help="Ours: PUBLISH_INTERVAL_SECONDS.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed offers the same load.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Result file; a page beside it gets the same name with .md.")
    ] = None,
) -> None:
    """Ours beside python-socketio with its AioPika manager: CPU a delivery, loss at a broker restart.

    The same RabbitMQ and load. Needs RabbitMQ, HAProxy and the extra `rival` (build.sh installs it).
    """
    from lab.bench.rival import page
    from lab.bench.rival.result import RivalPlan
    from lab.bench.rival.run import bench

    words = f"lab bench rival --rounds {rounds} --seconds {seconds:g} --rate {rate:g} --sockets {sockets}"
    words += f" --services {services} --publish-interval {publish_interval:g} --seed {seed}"
    with tempfile.TemporaryDirectory(prefix="lab-bench-") as folder:
        home = Path(folder) / "stack"
        plan = RivalPlan(rounds, seconds, rate, sockets, seed, home, words, services, publish_interval)
        result = bench(plan, lambda line: print(line, file=sys.stderr, flush=True))
    print(page.markdown(result))
    if output is not None:
        print("result: {}  page: {}".format(*page.write(result, output)))
