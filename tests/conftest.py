import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from herald import Herald  # noqa: E402


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
