"""The auditor on books written by hand: what it must notice, and what it must excuse."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from auditor import NOT_SETTLED, Asked, Books, Fault, audit  # noqa: E402

DELIVERY = "n1.0.1"


def row(attempt, at, sender="worker sms", written=True, **more):
    return {"delivery": DELIVERY, "attempt": attempt, "sender": sender, "provider": "twilio", "body_complete": True,
            "verdict": "201", "reason": None, "fault": None, "answer_written": written,
            "at_ms": {"head": at, "body": at, "answered": at}, **more}


def attempt(state, begun, reason=None):
    return {"state": state, "reason": reason, "begun_at": begun, "ended_at": begun + 5}


def books(rows, attempts, state="sent", asked=None, **more):
    delivery = {"id": DELIVERY, "address": "+1", "state": state, "reason": None, "attempts": attempts}
    asked = asked or Asked("ref-1", "accepted", {"n1"})
    return Books([asked], {"n1": {"ref": "ref-1", "deliveries": [delivery]}}, rows, **more)


def sent_twice(**more):
    """The first sender did not settle what it sent at 1000; another sent it again at 7000."""
    first = attempt("unknown", 1000, NOT_SETTLED)
    return books([row(1, 1000), row(2, 7000, "worker sms 2")], {1: first, 2: attempt("accepted", 7000)}, **more)


def kill(victim, at=1010, in_flight=1):
    return Fault("kill", victim, at, at, in_flight)


def test_a_provider_may_read_the_attempts_in_another_order():
    given_up = {"state": "unknown", "reason": "no answer in time", "begun_at": 1000, "ended_at": 1306}
    read_late = [row(2, 1480), row(1, 1490)]
    found = audit(books(read_late, {1: given_up, 2: attempt("accepted", 1480)}, call_deadline_ms=300), [])
    assert found.duplicates_answer_too_late == 1 and found.duplicates_unexplained == []
    killed = {"state": "unknown", "reason": NOT_SETTLED, "begun_at": 1000, "ended_at": 1400}
    found = audit(books(read_late, {1: killed, 2: attempt("accepted", 1480)}), [kill("worker sms")])
    assert found.duplicates_by_a_fault == 1 and found.duplicates_unexplained == []


def test_what_was_delivered_once_is_good():
    verdict = audit(books([row(1, 1000)], {1: attempt("accepted", 1000)}), [])
    assert verdict.good
    assert (verdict.accepted, verdict.delivered_once) == (1, 1)


def test_a_202_that_nobody_planned_is_lost():
    assert audit(Books([Asked("ref-1", "accepted", {"n1"})], {}, []), []).lost


@pytest.mark.parametrize("state", ["planned", "sending", "retrying"])
def test_what_never_ended_is_lost(state):
    assert audit(books([], {}, state), []).lost


def test_what_is_sent_in_the_store_alone_is_lost():
    assert audit(books([], {1: attempt("accepted", 1000)}), []).lost


def test_an_address_without_a_delivery_is_lost():
    asked = Asked("ref-1", "accepted", {"n1"}, expected={"+1": {"sent"}, "+2": {"sent"}})
    assert audit(books([row(1, 1000)], {1: attempt("accepted", 1000)}, asked=asked), []).lost


def test_records_that_the_log_still_holds_are_lost():
    left = {("requests.normal", 0): 3}
    assert audit(books([row(1, 1000)], {1: attempt("accepted", 1000)}, unfinished=left), []).lost


def test_a_duplicate_without_any_fault_is_unexplained():
    assert audit(sent_twice(), []).duplicates_unexplained


def test_a_duplicate_is_explained_by_an_answer_that_was_not_written():
    twice = books([row(1, 1000, written=False), row(2, 1100)],
                  {1: attempt("unknown", 1000, "unknown: reset"), 2: attempt("accepted", 1100)})
    verdict = audit(twice, [])
    assert verdict.good
    assert verdict.duplicates_answer_not_written == 1


def test_a_duplicate_is_explained_by_an_answer_after_the_deadline():
    late = books([row(1, 1000) | {"at_ms": {"head": 1000, "body": 1000, "answered": 1310}}, row(2, 1400)],
                 {1: attempt("unknown", 1000, "unknown: no answer in time") | {"ended_at": 1301},
                  2: attempt("accepted", 1400)}, call_deadline_ms=300)
    verdict = audit(late, [])
    assert verdict.good
    assert verdict.duplicates_answer_too_late == 1


@pytest.mark.parametrize("answered, ended", [(1270, 1301), (1100, 1090)])
def test_an_answer_in_time_explains_nothing(answered, ended):
    in_time = books([row(1, 1000) | {"at_ms": {"head": 1000, "body": 1000, "answered": answered}}, row(2, 1400)],
                    {1: attempt("unknown", 1000, "unknown: no answer in time") | {"ended_at": ended},
                     2: attempt("accepted", 1400)}, call_deadline_ms=300)
    assert audit(in_time, []).duplicates_unexplained


@pytest.mark.parametrize("what, victim", [("kill", "worker sms"), ("stop", "worker sms"), ("kill", "postgres"),
                                          ("stop", "postgres"), ("cut", "postgres"), ("silence", "postgres")])
def test_a_duplicate_is_explained_by_a_fault_of_its_sender_or_of_the_store(what, victim):
    verdict = audit(sent_twice(), [Fault(what, victim, 1010, 3000, in_flight=1)])
    assert verdict.good
    assert verdict.duplicates_by_a_fault == 1


@pytest.mark.parametrize("fault", [
    kill("worker sms 2"), kill("worker push"), kill("kafka1"), kill("redis"), kill("planner"), kill("worker sms", 500),
    kill("worker sms", 7100), Fault("delay", "postgres", 1010, 3000, 9)], ids=str)
def test_no_other_fault_explains_a_duplicate(fault):
    assert audit(sent_twice(), [fault]).duplicates_unexplained


def test_a_fault_after_the_settle_explains_nothing():
    settled = {(DELIVERY, 1): [(1005, "worker sms", "accepted")]}
    assert audit(sent_twice(settled=settled), [kill("worker sms", 2000)]).duplicates_unexplained


def test_a_killed_sender_cannot_have_settled():
    twice = books([row(1, 1000), row(2, 7000)], {1: attempt("accepted", 1000), 2: attempt("accepted", 7000)})
    assert audit(twice, [kill("worker sms")]).duplicates_unexplained


def test_a_fault_explains_no_more_duplicates_than_calls_were_in_flight():
    assert not audit(sent_twice(), [kill("worker sms", in_flight=0)]).good


def test_what_is_sent_at_most_once_is_never_excused():
    asked = Asked("ref-1", "accepted", {"n1"}, at_most_once=True)
    assert audit(sent_twice(asked=asked), [kill("worker sms")]).duplicates_unexplained


def test_a_certain_refusal_that_was_taken_is_a_mismatch():
    taken = books([row(1, 1000)], {1: attempt("accepted", 1000)}, asked=Asked("ref-1", "refused"))
    assert audit(taken, []).mismatches


def test_what_may_have_been_taken_may_be_sent():
    taken = books([row(1, 1000)], {1: attempt("accepted", 1000)}, asked=Asked("ref-1", "maybe"))
    assert audit(taken, []).good


def test_a_message_that_nobody_asked_for_is_a_mismatch():
    assert audit(Books([], {}, [row(1, 1000)]), []).mismatches


def test_an_attempt_of_two_requests_is_a_mismatch():
    assert audit(books([row(1, 1000), row(1, 1001)], {1: attempt("accepted", 1000)}), []).mismatches


def test_a_request_that_the_store_does_not_know_is_a_mismatch():
    assert audit(books([row(1, 1000), row(2, 1001, verdict="503")], {1: attempt("accepted", 1000)}), []).mismatches


def test_one_request_that_became_two_notifications_is_a_mismatch():
    twins = books([row(1, 1000)], {1: attempt("accepted", 1000)})
    twins.notifications["n2"] = {"ref": "ref-1", "deliveries": []}
    assert audit(twins, []).mismatches


def test_another_persons_message_is_a_mismatch():
    assert audit(books([row(1, 1000, ref="ref-2")], {1: attempt("accepted", 1000)}), []).mismatches


def test_an_offence_is_told_with_all_that_the_books_say():
    told = audit(sent_twice(), [kill("planner")]).complaints()
    for part in ("DUPLICATES UNEXPLAINED: n1.0.1", "asked ref-1", "#1 ", "ledger twilio", "fault kill planner"):
        assert part in told, told
