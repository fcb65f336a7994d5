"""The compose files as docker reads them: who may do what, who is reached from where, what they contain."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.compose.project import ROOT, Project

MAIN = "docker-compose.yml"
FILES = {
    "main": (MAIN,),
    "tls": (MAIN, "docker-compose-tls.yml"),
    "citus": ("docker-compose-citus.yml",),
    "more workers": ("docker-compose_add_citus_workers.yml",),
}
USER_OF_THE_IMAGE = {
    "haproxy",
    "prometheus",
    "postgres_exporter",
    "grafana",
}  # their images name one that is not root
SECRETS = ("SECRET", "POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "RABBITMQ_ERLANG_COOKIE")


IMAGES = ("python:3.13-slim",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def read(project: Project) -> dict[str, dict[str, Any]]:
    """Kind of run -> its configuration with every profile, by a .env of build.sh's making."""
    found = {}
    for name, files in FILES.items():
        chosen = [word for file in files for word in ("-f", file)]
        words = ("compose", *chosen, "--profile", "*", "config", "--format", "json")
        found[name] = json.loads(project.docker(*words))
    return found


def _services(read: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, config in read.items():
        for name, service in config["services"].items():
            yield f"{kind}: {name}", service


def test_no_service_may_write_to_its_image_or_gain_rights_or_use_memory_without_limit(read):
    for name, service in _services(read):
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"] and not service.get("cap_add"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged") and not service.get("network_mode"), name
        assert int(service["mem_limit"]) <= 2**30, name


def test_every_service_that_stays_says_whether_it_is_well(read):
    for name, service in _services(read):
        assert service.get("restart") == "no" or service["healthcheck"]["test"], name


def test_no_service_runs_as_root(read):
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.count("\nUSER 10001:10001\n") == dockerfile.count("WORKDIR") == 2
    for name, service in _services(read):
        ours = service["image"].startswith("fastapi-performance-lab/")
        named = service.get("user", "") not in {"", "root", "0"}
        assert named or ours or name.split(": ")[1] in USER_OF_THE_IMAGE, name


def test_ports_are_published_on_this_machine_alone(read):
    for name, service in _services(read):
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name


def test_no_container_is_given_the_engine(read):
    for name, service in _services(read):
        assert not [one for one in service.get("volumes", []) if "docker.sock" in str(one)], name


def test_files_of_the_project_are_mounted_read_only(read):
    for name, service in _services(read):
        for volume in service.get("volumes", []):
            assert volume["type"] == "volume" or volume["read_only"], (name, volume)


def test_services_that_last_are_restarted_and_have_time_to_stop(read):
    once = {"user_faker", "locust", "locust_worker", "rebalance"}
    for name, service in _services(read):
        if name.split(": ")[1] not in once:
            assert service["restart"] == "unless-stopped", name
    for name in ("backend", "websocket", "postgres", "rabbit"):
        assert read["main"]["services"][name]["stop_grace_period"], name


def test_images_are_pinned(read):
    for name, service in _services(read):
        if not service["image"].startswith("fastapi-performance-lab/"):
            assert re.search(r":v?\d+(\.\d+)*(-management)?$", service["image"]), (name, service["image"])
    for line in re.findall(r"(?m)^FROM (\S+)", (ROOT / "Dockerfile").read_text()):
        assert re.fullmatch(r"python:\d\.\d+-slim", line)


def test_no_file_in_git_holds_a_password(read):
    values = {read["main"]["services"]["backend"]["environment"][name] for name in SECRETS[:3]}
    values.add(read["main"]["services"]["rabbit"]["environment"][SECRETS[3]])
    assert len(values) == len(SECRETS) and all(len(value) == 48 for value in values)
    example = dict(re.findall(r"(?m)^(\w+)=(.*)$", (ROOT / "example.env").read_text()))
    assert {example[name] for name in SECRETS} == {"change-me"}
    for file in (*ROOT.glob("docker-compose*.yml"), ROOT / "Dockerfile"):
        for value in re.findall(r"(?m)^ *\w*(?:PASSWORD|PASS|SECRET|COOKIE): *(.*)$", file.read_text()):
            assert value.startswith(("${", '""')), (file.name, value)


def test_grafana_is_given_its_dashboards_and_the_prometheus_of_the_stack(read):
    """As far as it can be seen without Grafana's image; tests/compose/test_profiles.py asks the figures."""
    mounts = {one["target"]: Path(one["source"]) for one in read["main"]["services"]["grafana"]["volumes"]}
    provisioning = mounts["/etc/grafana/provisioning"]
    boards = yaml.safe_load((provisioning / "dashboards/lab.yml").read_text())["providers"][0]
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    board = json.loads((mounts[boards["options"]["path"]] / "lab.json").read_text())
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


def test_build_sh_makes_a_dotenv_that_nobody_else_reads(project):
    assert (project.folder / ".env").stat().st_mode & 0o077 == 0


def test_without_a_dotenv_compose_says_how_to_make_it(tmp_path):
    project = Project(tmp_path)
    done = subprocess.run(
        ["docker", "compose", "config"], cwd=project.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode and "bash build.sh" in done.stderr
