"""kill -9 of every process in the middle of the main job: the end is the same as if nothing had happened."""

import subprocess
import sys
from collections import Counter

import pytest

from deploy.embedded.processes import SERVICES
from tests.e2e.test_main_job import PORTUGAL, file_sum
from tests.e2e.whole import Whole, whole
from tests.support.stack import wait_until

VICTIMS = [*SERVICES, "kafka-0", "postgres", "registry", "netsuite", "psa"]


def processed(stack: Whole) -> int:
    statuses = [stack.status_of(offset) for offset in SERVICES.values()]
    return sum(status["processed"] for status in statuses if status)


def feeding(stack: Whole) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "shared.ops", "feed", str(PORTUGAL), "--derive-mappings", "--home", str(stack.home)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.timeout(900)
def test_killing_every_process_under_load_changes_nothing_of_the_end() -> None:
    with whole() as stack:
        feed = feeding(stack)
        for victim in VICTIMS:
            before = processed(stack)
            wait_until(lambda: processed(stack) != before or feed.poll() is not None, stack.still_running)  # noqa: B023  looked at within the loop
            wait_until(lambda: stack.kill(victim) > 0, stack.still_running)  # noqa: B023
        assert feed.wait(180) in (0, 1, 3)
        stack.feed(PORTUGAL)  # what a killed broker did not acknowledge is sent again; what it did is a duplicate
        stack.settle()
        counts = stack.report()["contracts"]
        assert (counts["received"], counts["provisioned"], counts["active"], counts["dead_lettered"]) == (100, 100, 100, 0)
        assert len(stack.jobs()) == 100
        assert max(Counter(job["externalId"] for job in stack.jobs()).values()) == 1
        assert stack.booked() == {"EUR": file_sum()}
