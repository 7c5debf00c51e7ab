"""The wiring of contract_events: which records go to which decider, and the door beside the loop."""

from services.contract_events.adapters.outlet import KafkaOutlet
from services.contract_events.domain.lineage import Lineage
from services.contract_events.handlers import on_source_contract, on_woken
from services.contract_events.policy import approval_policy
from services.contract_events.settings import Settings
from services.contract_events.web.door import build_door
from services.contract_events.web.hooks import HookSettings
from services.contract_events.web.limits import Limits
from services.contract_events.web.serving import serve
from shared.messages.source import SourceContract
from shared.runtime.decision import Route, Service
from shared.runtime.main import Runtime

SOURCE_TOPIC = "source.clm.contract.v1"


def build(settings: Settings) -> Service:
    policy = approval_policy(settings.approve_msa, settings.approve_sow, settings.approve_change_order)

    async def door(runtime: Runtime) -> None:
        outlet = KafkaOutlet(runtime.settings.kafka, runtime.codec)
        limits = Limits(settings.hook_bytes, settings.batch_bytes, settings.batch_lines, settings.read_s)
        site = build_door(outlet, policy, settings.token(), hook_settings(settings), limits)
        try:
            await serve(site, settings.door_host, settings.port, runtime.stopping, settings.read_s)
        finally:
            await outlet.close()

    return Service(
        name="contract_events",
        routes=(Route(SOURCE_TOPIC, SourceContract, on_source_contract(policy)),),
        states={"contract": Lineage},
        on_woken=on_woken,
        companions=(door,),
    )


def hook_settings(settings: Settings) -> HookSettings:
    keys = tuple(key.get_secret_value() for key in settings.docusign_keys)
    return HookSettings(keys, settings.ironclad_key, settings.ironclad_contract, settings.signature_role)
