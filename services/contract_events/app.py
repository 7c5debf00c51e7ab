"""The wiring of contract_events: which records go to which decider, and the door beside the loop."""

from services.contract_events.domain.lineage import Lineage
from services.contract_events.handlers import on_source_contract
from services.contract_events.policy import approval_policy
from services.contract_events.settings import Settings
from shared.messages.source import SourceContract
from shared.runtime.decision import Route, Service

SOURCE_TOPIC = "source.clm.contract.v1"


def build(settings: Settings) -> Service:
    policy = approval_policy(settings.approve_msa, settings.approve_sow, settings.approve_change_order)
    return Service(
        name="contract_events",
        routes=(Route(SOURCE_TOPIC, SourceContract, on_source_contract(policy)),),
        states={"contract": Lineage},
    )
