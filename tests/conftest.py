import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from herald import Herald, Simulators, free_ports  # noqa: E402


@pytest.fixture
def herald():
    """A fresh Herald with its simulators."""
    running = Herald()
    yield running
    running.close()


@pytest.fixture
def start_herald():
    """A fresh Herald with settings of the test's own."""
    started = []

    def start(**settings):
        started.append(Herald(**settings))
        return started[-1]

    yield start
    for running in reversed(started):
        running.close()


@pytest.fixture
def returning_simulators(tmp_path):
    """Simulators that come back at the same ports when they are stopped and started."""
    simulators = Simulators(tmp_path, free_ports())
    yield simulators
    simulators.stop()
