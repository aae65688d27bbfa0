"""The rate limit, measured by the provider's clock. FULL=1 sends as many as a release is measured by."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from herald import Herald

RATE = 100
BURST = 5
FULL = bool(os.environ.get("FULL"))
COUNT = 1000 if FULL else 300
# A busy machine delivers late, and closer together, what left at its time.
JITTER = 0 if FULL else 15
# How far from N / rate the whole may be, in seconds: 9.8 to 10.3 for a thousand.
EARLIER, LATER = 0.2, 0.3


@pytest.fixture(scope="module")
def herald():
    running = Herald(HERALD_SMS_RATE=RATE)
    yield running
    running.close()


def send_all(herald, lane, count):
    """Queued much faster than they may be sent."""
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: herald.send(channels=["sms"], lane=lane), range(count)))
    assert all(answer.status == 202 for answer in answers)
    return [answer.json["id"] for answer in answers]


def arrival_times(herald, count):
    rows = herald.simulators.messages("twilio")
    assert len(rows) == count and all(row["verdict"] == "201" for row in rows)
    return sorted(row["at_ms"]["body"] for row in rows)


def most_within_a_second(times):
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= 1000:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("lane", ["critical", "normal", "bulk"])
def test_one_lane_alone_gets_the_whole_rate_and_no_more(herald, lane):
    herald.simulators.forget()
    ids = send_all(herald, lane, COUNT)
    stories = herald.wait_all_final(ids, seconds=COUNT / RATE + 30)
    assert {story["status"] for story in stories.values()} == {"sent"}
    times = arrival_times(herald, COUNT)
    seconds = (times[-1] - times[0]) / 1000
    print(f"{lane}: {seconds:.3f} s for {COUNT}, at most {most_within_a_second(times)} within a second")
    assert COUNT / RATE - EARLIER <= seconds <= COUNT / RATE + LATER
    assert most_within_a_second(times) <= RATE + BURST + JITTER


def test_lanes_together_get_no_more_than_one_alone(herald):
    herald.simulators.forget()
    with ThreadPoolExecutor(3) as pool:
        ids = [id for part in pool.map(lambda lane: send_all(herald, lane, COUNT // 3), ["critical", "normal", "bulk"])
               for id in part]
    herald.wait_all_final(ids, seconds=COUNT / RATE + 30)
    times = arrival_times(herald, COUNT // 3 * 3)
    assert most_within_a_second(times) <= RATE + BURST + JITTER
    assert (times[-1] - times[0]) / 1000 <= COUNT / RATE + LATER


def test_a_restart_does_not_add_up_to_twice_the_rate(herald):
    """A new process begins with a full bucket: one burst more is all that a restart may cost."""
    herald.simulators.forget()
    ids = send_all(herald, "normal", 100)
    herald.process.stop()
    herald.start()
    herald.wait_all_final(ids)
    assert most_within_a_second(arrival_times(herald, 100)) <= RATE + 2 * BURST + JITTER
