"""A stack is idle when every service says so twice and nothing was processed in between."""

from __future__ import annotations

from typing import Any

from deploy.embedded.idle import look


def status(idle: bool = True, processed: int = 5, lag: int = 0) -> dict[str, Any]:
    return {"service": "one", "idle": idle, "processed": processed, "lag": lag, "outbox": 0, "inbox_due": 0, "effects_open": 0}


def test_one_quiet_look_proves_nothing() -> None:
    assert not look([status()]).settled_since(None)


def test_two_quiet_looks_with_nothing_done_between_them_are_idle() -> None:
    assert look([status(), status()]).settled_since(look([status(), status()]))


def test_a_record_between_two_services_shows_as_work_done() -> None:
    assert not look([status(processed=6)]).settled_since(look([status(processed=5)]))


def test_a_service_that_does_not_answer_is_not_idle() -> None:
    assert not look([status(), None]).settled_since(look([status(), None]))


def test_a_busy_service_keeps_the_stack_busy_and_is_counted() -> None:
    now = look([status(), status(idle=False, lag=7)])
    assert not now.settled_since(look([status(), status()]))
    assert now.left == 7
    assert now.busy == ("one",)
