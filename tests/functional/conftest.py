import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fast import FAST  # noqa: E402
from herald import Herald  # noqa: E402


@pytest.fixture(scope="module")
def shared_herald():
    """One Herald for the tests of a file that do not disturb each other."""
    running = Herald()
    yield running
    running.close()


@pytest.fixture(scope="module")
def fast_herald():
    """The same with fast retries and short calls."""
    running = Herald(**FAST)
    yield running
    running.close()
