"""The wiring of erp_provisioning: which records go to which decider, and which ERP tenant is called how."""

import asyncio
from functools import cache

from services.erp_provisioning.adapters.netsuite import NetSuite
from services.erp_provisioning.adapters.tokens import Credentials
from services.erp_provisioning.domain.mappings import Mappings
from services.erp_provisioning.domain.progress import Provisioning
from services.erp_provisioning.handlers.deciders import keys_of_news, keys_of_record, on_answered, on_engagement_ready, on_woken
from services.erp_provisioning.handlers.mapping import on_mapping
from services.erp_provisioning.settings import Settings
from shared.messages.engagement import EngagementReady
from shared.messages.source import SourceMapping
from shared.runtime.decision import Allowance, Route, Service, Target
from shared.runtime.main import Runtime


def build(settings: Settings) -> Service:
    tenants: dict[str, NetSuite] = {}

    @cache
    def target(name: str) -> Target:
        if not name.startswith("netsuite-"):
            raise KeyError(name)
        tenants[name] = _netsuite(settings, name)
        return Target(tenants[name], Allowance(settings.netsuite_concurrency))

    async def close_connections(runtime: Runtime) -> None:
        await runtime.stopping.wait()
        await asyncio.gather(*(tenant.close(within=runtime.settings.drain_s) for tenant in tenants.values()))

    return Service(
        name="erp_provisioning",
        routes=(
            Route("engagement.ready.v1", EngagementReady, on_engagement_ready, needs=keys_of_record),
            Route("source.reference.mapping.v1", SourceMapping, on_mapping, namespace=""),
        ),
        states={"contract": Provisioning, "": Mappings},
        on_woken=on_woken,
        on_answered=on_answered,
        needs=keys_of_news,
        target=target,
        companions=(close_connections,),
        publish_linger_s=0.1,  # PSA begins behind the last of its steps, which follow each other fast
    )


def _netsuite(settings: Settings, tenant: str) -> NetSuite:
    credentials = Credentials(settings.netsuite_client_id, settings.netsuite_certificate_id, settings.netsuite_key_file())
    return NetSuite(settings.netsuite_base(tenant), credentials, deadline=settings.netsuite_deadline_s)
