"""One compose stack for the session, started as a stranger would: a clean copy, build.sh, up.

A module names in IMAGES the images that it needs. Where one is missing its tests are skipped, and fail if
LAB_MUST_HAVE=docker: a lane that has an engine must not pass without them. MAY_LACK are images that not
every machine can have; without them the tests are skipped, with the reason.
"""

import os
from collections.abc import Iterator

import pytest

from tests.compose.project import Project, missing, until
from tests.compose.watch import Watch

MUST_HAVE = "docker" in os.environ.get("LAB_MUST_HAVE", "").split(",")


def pytest_runtest_setup(item: pytest.Item) -> None:
    module = getattr(item, "module", None)
    if why := missing(*getattr(module, "IMAGES", ())):
        if MUST_HAVE:
            pytest.fail(why)
        pytest.skip(why)
    if why := missing(*getattr(module, "MAY_LACK", ())):
        pytest.skip(why)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The stack of docker-compose.yml, running and well. `took`: from up to the first answer of /docs."""
    project = Project(tmp_path_factory.mktemp("compose"))
    try:
        project.build()
        watch = Watch()
        project.compose("up", "--detach")
        until(lambda: project.answers("/docs"), 300, "/docs")
        project.took = watch.took()
        until(project.healthy, 240, "all are healthy")
        yield project
    finally:
        project.down()
