"""What holds for every test."""

import os
import signal
import sys
from pathlib import Path

import pytest

ALONE = ("checker", "contract", "e2e")  # folders whose tests leave no core to others

pytest_plugins = ["tests.cluster_systems"]

# A shell starts what it puts in the background with SIGINT ignored, and children inherit that;
# tests that interrupt something must mean the same wherever they are started from.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup does the same with this one


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs beside other tests, and what does not, is told by its folder."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in ALONE:
            item.add_marker(pytest.mark.alone)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where the cluster is said to be there, a test of it that skipped is a failure."""
    if os.environ.get("TEST_CLUSTER") != "required":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    told = [report for report in skipped if "cluster" in report.keywords]
    if told:
        for report in told:
            print(f"\nskipped though the cluster is there: {report.nodeid}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
