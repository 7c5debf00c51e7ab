"""The wiring of psa_sync: which records go to which decider, and how the PSA is called."""

from services.psa_sync.adapters.psa import Psa
from services.psa_sync.domain.mappings import CodeEntries
from services.psa_sync.domain.progress import PsaSetup
from services.psa_sync.handlers.contracts import keys_of_news, keys_of_record, on_answered, on_provisioning, on_woken
from services.psa_sync.handlers.mapping import on_mapping
from services.psa_sync.policy import PSA
from services.psa_sync.settings import Settings
from shared.messages.provisioning import ErpProvisioning
from shared.messages.source import SourceMapping
from shared.runtime.decision import Allowance, Route, Service, Target
from shared.runtime.main import Runtime


def build(settings: Settings) -> Service:
    psa = Psa(settings.psa_url, settings.psa_client_id, settings.psa_secret, deadline=settings.psa_deadline_s)
    targets = {PSA: Target(psa, Allowance(settings.psa_concurrency))}

    async def close_connections(runtime: Runtime) -> None:
        await runtime.stopping.wait()
        await psa.close(within=runtime.settings.drain_s)

    return Service(
        name="psa_sync",
        routes=(
            Route("erp.provisioning.v1", ErpProvisioning, on_provisioning, needs=keys_of_record),
            Route("source.reference.mapping.v1", SourceMapping, on_mapping, namespace=""),
        ),
        states={"contract": PsaSetup, "": CodeEntries},
        on_woken=on_woken,
        on_answered=on_answered,
        needs=keys_of_news,
        target=targets.__getitem__,
        companions=(close_connections,),
        publish_linger_s=0.1,  # only visibility reads it
    )
