"""Dead letters decided on again while records come: the vendor refuses for a while, and what it refused is re-driven behind it."""

import random

from tests.faults import commands
from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault, wait_for
from tests.faults.injectors.vendors import ordered

REFUSED_S = 4.0
REFUSALS = {
    "erp_provisioning": ("netsuite", {"record": "job", "field": "externalId", "code": "USER_ERROR", "message": "The period is closed."}),
    "psa_sync": ("psa", {"record": "pse__Proj__c", "field": "Throughline_Key__c", "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Closed."}),
}
LETTERS_S = 10.0


def refused_and_redriven(service: str) -> Act:
    sandbox, rule = REFUSALS[service]

    def act(arena: Arena, rng: random.Random) -> int:
        ordered({"reject": rule}, REFUSED_S, sandbox)(arena, rng)
        wait_for(lambda: standing(arena, service) > 0, LETTERS_S)
        return int(commands.redrive(arena, service) > 0)

    return act


def standing(arena: Arena, service: str) -> int:
    return max((status["dead_letters"] for status in arena.statuses() if status and status["service"] == service), default=0)


FAULTS = (
    Fault("NetSuite refuses, and its dead letters are re-driven", 38, refused_and_redriven("erp_provisioning")),
    Fault("the PSA refuses, and its dead letters are re-driven", 38, refused_and_redriven("psa_sync"), short=False),
)
