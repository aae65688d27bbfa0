import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from herald import Herald  # noqa: E402

# Retries within the patience of a test; 300 ms is all a provider gets.
FAST = dict(
    HERALD_RECONCILE_PUSH_S=0, HERALD_RECONCILE_SMS_S=0, HERALD_RECONCILE_EMAIL_S=0, HERALD_RETRY_BASE_MS=50,
    HERALD_RETRY_CAP_MS=400, HERALD_APNS_CALL_DEADLINE_MS=300, HERALD_FCM_CALL_DEADLINE_MS=300,
    HERALD_TWILIO_CALL_DEADLINE_MS=300, HERALD_SENDGRID_CALL_DEADLINE_MS=300, HERALD_RETRY_LIMIT=40,
)


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
