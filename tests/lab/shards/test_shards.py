"""What of `lab shards` needs no cluster: the runbook's statements, skew, and where there are no shards."""

import json
import re
from pathlib import Path

import pytest

from lab.cli import run
from lab.shards import runbook, servers
from lab.shards.cluster import Node, skew
from lab.stack.description import Database, StackDescription
from lab.stack.host import running
from lab.stack.modes import Plan, Request, plan

TESTS = Path(__file__).parents[2] / "citus" / "test_runbook.py"
RESULTS = Path(__file__).parents[3] / "docs" / "results"


def test_where_no_server_answers_it_says_so(capsys):
    assert run(["shards", "status", "--dsn", "postgresql://a@127.0.0.1:1/x"]) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.integration
def test_plain_postgres_has_no_shards(tmp_path, capsys):
    def only_postgres(request: Request) -> Plan:
        real = plan(request)
        return Plan([program for program in real.programs if program.kind == "postgres"], real.description)

    with running(Request(tmp_path / "home", "multi", 1, 1), planner=only_postgres) as stack:
        assert run(["shards", "status", "--home", str(stack.home)]) == 2
        assert "lab up --mode citus" in capsys.readouterr().err


def node(size: int, wanted: bool = True, there: bool = True) -> Node:
    return Node("h", 1, coordinator=False, active=True, wanted=wanted, shards=1, bytes=size, there=there)


def test_a_worker_that_no_supervisor_of_ours_runs_is_left_alone(tmp_path):
    """Under docker compose: the node is out of the cluster by then, and its container is compose's."""
    database = Database("127.0.0.1", 1, "lab", "", "lab")
    said: list[str] = []
    servers.stop_worker(StackDescription("docker", tmp_path, [], [], database, ""), 5432, said.append)
    assert said == []


def test_skew_is_the_fullest_worker_over_the_mean():
    assert skew([node(10), node(10)]) == 1.0
    assert skew([node(30), node(0), node(0)]) == 3.0
    assert skew([node(30), node(0, wanted=False)]) == 1.0
    assert skew([node(30), node(0, there=False)]) == 1.0
    assert skew([]) == 1.0


def test_statements_come_from_the_runbook_with_their_variables():
    statement = runbook.statement("09", "SELECT citus_remove_node", host="a'b", port=5)
    assert statement == "SELECT citus_remove_node('a''b', 5);"
    assert "shard_count := 6" in runbook.transaction("03", shard_count=6)
    with pytest.raises(LookupError):
        runbook.statement("09", "DROP")


def test_every_file_of_the_runbook_is_run_by_a_test_and_listed_in_its_table():
    text = (runbook.FOLDER / "README.md").read_text()
    tests = TESTS.read_text()
    for file in runbook.FOLDER.glob("*.sql"):
        number = int(file.name[:2])
        assert f"`{file.name}`" in text
        assert f'"{number:02}"' in tests, f"no test runs {file.name}"


def test_the_table_lists_the_steps_in_the_order_of_their_numbers():
    rows = re.findall(
        r"^\| (\d+) \| `(\d+)_\w+\.sql`", (runbook.FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert [int(step) for step, _ in rows] == [int(file) for _, file in rows]
    assert [file for _, file in rows] == sorted(file.name[:2] for file in runbook.FOLDER.glob("*.sql"))


def test_every_step_says_what_to_run_what_to_see_how_long_it_took_and_how_to_undo_it():
    for file in runbook.FOLDER.glob("*.sql"):
        head = re.match(r"(--.*\n)+", file.read_text())
        assert head is not None
        for word in ("Run:", "See:", "Took:", "Undo:"):
            line = re.search(rf"^-- {word} +\S", head.group(), re.MULTILINE)
            harmless = word == "Undo:" and "Changes nothing." in head.group()
            assert line or harmless, f"{file.name}: no line -- {word}"


def variables_of(text: str) -> set[str]:
    """The psql variables that a script wants from outside: not those that it sets itself."""
    code = re.sub(r"--.*", "", text)
    used = set(re.findall(r"(?<![:\w]):'?([a-z_]+)\b", code))
    return used - set(re.findall(r"AS ([a-z_]+)", code))


def test_every_step_is_run_with_the_variables_that_its_file_asks_for():
    wanting = 0
    for file in runbook.FOLDER.glob("*.sql"):
        text = file.read_text()
        run_line = re.search(r"^-- Run: .*(?:\n-- {7}.*)*", text, re.MULTILINE)
        assert run_line is not None
        given = set(re.findall(r"-v (\w+)=", run_line.group())) - {"ON_ERROR_STOP"}
        assert given == variables_of(text), file.name
        wanting += bool(given)
    assert wanting == 7


def test_every_step_of_the_walk_that_a_file_names_for_its_time_is_in_the_committed_walk():
    walked = [one["step"] for one in json.loads((RESULTS / "shards.json").read_text())["steps"]]
    named = 0
    for file in runbook.FOLDER.glob("*.sql"):
        for step in re.findall(r'^-- Took: as long as "([^"]+)"', file.read_text(), re.MULTILINE):
            assert any(one.startswith(step) for one in walked), f"{file.name}: {step}"
            named += 1
    assert named == 6


def words_of(text: str) -> set[str]:
    """The functions and programs in a text that change or copy a cluster."""
    return set(
        re.findall(r"\b(?:citus_(?!\w*tables\b|shards\b)\w+\(|TRUNCATE\b|pg_dump\b|pg_restore\b)", text)
    )


def test_every_statement_in_the_head_of_a_step_is_run_by_a_test():
    """By the file itself, or by a test: written there, or taken from the head with undo() or commands()."""
    tests = "".join(file.read_text() for file in TESTS.parent.glob("*.py"))
    run = words_of(tests)
    heads = {}
    for file in runbook.FOLDER.glob("*.sql"):
        text = file.read_text()
        heads[file.name] = "\n".join(re.findall(r"--.*", text))
        run |= words_of(re.sub(r"--.*", "", text))
        for taken, word in (("undo", "Undo"), ("commands", "Run")):
            if f'{taken}("{file.name[:2]}")' in tests:
                (lines,) = re.findall(rf"^-- {word}: (?:.*\n(?:--       .*\n)*)", text, re.MULTILINE)
                run |= words_of(lines)
    for name, head in heads.items():
        assert words_of(head) <= run, name


def test_every_statement_in_the_words_of_the_runbook_is_run_by_a_test():
    text = " ".join((runbook.FOLDER / "README.md").read_text().split())
    tests = TESTS.with_name("test_readme.py").read_text()
    statements = re.findall(r"`((?:SELECT|INSERT|UPDATE|DELETE|ALTER|CALL|TRUNCATE)\b[^`]*;)`", text)
    assert len(statements) == 3
    for statement in statements:
        words = re.findall(r'way\("(\w+)"', tests)
        assert any(word in statement for word in words), statement


def test_every_change_takes_a_load_as_the_runbook_says(capsys):
    text = " ".join((runbook.FOLDER / "README.md").read_text().split())
    (named,) = re.findall(r"`lab shards ([a-z |]+)`\. Each change \(`add` to `isolate`\) takes `--load", text)
    changes = named.split(" | ")
    for name in changes[changes.index("add") : changes.index("isolate") + 1]:
        assert run(["shards", name, "--help"]) == 0
        assert "--load" in capsys.readouterr().out, name
