"""The result file: its schema is written down, and a file that does not fit is refused in one line."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from lab.load import record

EXAMPLE = Path(__file__).with_name("example_record.json")  # figures are made up


def test_schema_on_disk_is_that_of_the_code():
    assert json.loads(record.SCHEMA_FILE.read_text()) == record.schema(), (
        "the record changed: write record.schema.json anew, and raise VERSION unless older files still fit"
    )


def test_example_fits_the_schema():
    jsonschema.Draft202012Validator.check_schema(record.schema())
    jsonschema.validate(json.loads(EXAMPLE.read_text()), record.schema())


def test_record_comes_back_as_it_was_saved(tmp_path):
    run = record.load(EXAMPLE)
    run.save(tmp_path / "deeper" / "run.json")
    assert record.load(tmp_path / "deeper" / "run.json") == run


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "something"}, "no result of a load"),
        ({"version": 0}, "version 0, this lab reads version"),
        ({"measured_seconds": "long"}, "Expected `float`"),
        ({"surprise": 1}, "unknown field `surprise`"),
    ],
)
def test_other_files_are_refused(tmp_path, change, words):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(EXAMPLE.read_text()), **change}))
    with pytest.raises(record.RecordError, match=words):
        record.load(path)


def test_schema_refuses_a_verdict_of_another_word():
    broken = json.loads(EXAMPLE.read_text())
    broken["verdict"]["word"] = "MAYBE"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, record.schema())


def test_busiest_service_is_named_by_its_share_of_what_it_may_use():
    run = record.load(EXAMPLE)
    assert run.busiest and run.busiest[0] == "backend-1"
    assert run.busiest[1] == pytest.approx(0.4 / 8)
    two = {**run.stack.effective, "backend-1": {"uvicorn_workers": 4}}
    spread = msgspec.structs.replace(run, stack=msgspec.structs.replace(run.stack, effective=two))
    assert spread.busiest and spread.busiest[0] == "backend-1"
    assert spread.busiest[1] == pytest.approx(0.4 / 8 / 2)  # four workers on two cores use two at most


def test_all_of_postgresql_is_one_and_may_use_every_core():
    run = record.load(EXAMPLE)
    rows = [
        msgspec.structs.replace(one, cpu_seconds=4.0 if one.kind == "postgres" else one.cpu_seconds)
        for one in run.usage
    ]
    assert msgspec.structs.replace(run, usage=rows).busiest == ("postgres", 4.0 * 2 / 8 / 2)
