"""The wiring of visibility: which records go to which decider, and the console beside the loop."""

import asyncio
from datetime import timedelta

from services.visibility.adapters.neighbours import OpsPorts
from services.visibility.adapters.projection import project
from services.visibility.adapters.reading import Projection
from services.visibility.adapters.tail import LiveTail
from services.visibility.domain.status import SERVICES, Tracked
from services.visibility.handlers.changes import on_contract_state, on_engagement_ready, on_erp_provisioning, on_psa_sync
from services.visibility.handlers.dead_letters import on_dead_letter, on_own_dead_letter
from services.visibility.handlers.figures import on_kpi_window, on_sla_breach
from services.visibility.settings import KpiSettings, Settings
from services.visibility.web.serving import serve
from services.visibility.web.site import build_site
from shared.messages.contract import ContractState
from shared.messages.engagement import EngagementReady
from shared.messages.provisioning import ErpProvisioning
from shared.messages.psa import PsaSync
from shared.messages.workflow import KpiWindow, SlaBreach
from shared.runtime.decision import Route, Service
from shared.runtime.main import Runtime
from shared.store.pool import open_pool
from shared.wire.codec import Codec
from shared.wire.registry import Registry

READERS = 4  # connections of their own, so that a page full of questions never holds up the loop

ROUTES = (
    Route("contract.state.v1", ContractState, on_contract_state),
    Route("engagement.ready.v1", EngagementReady, on_engagement_ready),
    Route("erp.provisioning.v1", ErpProvisioning, on_erp_provisioning),
    Route("psa.sync.v1", PsaSync, on_psa_sync),
    *(Route(f"{service}.dlt.v1", None, on_dead_letter) for service in SERVICES),
    Route("visibility.dlt.v1", None, on_own_dead_letter, namespace="letter"),
    Route("kpi.window.v1", KpiWindow, on_kpi_window, namespace="kpi"),
    Route("sla.breach.v1", SlaBreach, on_sla_breach, namespace="sla"),
)


def build(settings: Settings) -> Service:
    """Letters of visibility itself, windows and breaches are only listed: their keys have no state of their own."""

    async def console(runtime: Runtime) -> None:
        async with await open_pool(runtime.settings.postgres.get_secret_value(), READERS) as pool:
            tail = LiveTail(runtime.settings.kafka, runtime.codec, settings.tail_records)
            neighbours = OpsPorts(settings.service_urls, settings.ask_timeout_s)
            site = build_site(Projection(pool, settings.sla_s), neighbours, tail, runtime.stopping.is_set, settings.look_s)
            async with asyncio.TaskGroup() as group:
                group.create_task(tail.run(runtime.stopping), name="tail")
                group.create_task(serve(site, settings.console_host, settings.console_port, runtime.stopping), name="site")

    return Service(
        name="visibility",
        routes=ROUTES,
        states=dict.fromkeys(("contract", "letter", "kpi", "sla"), Tracked),
        project=project,
        companions=(console,),
        read_linger_s=0.05,  # a contract changes a dozen times on its way
    )


def run_rebuild(settings: Settings) -> int:
    """Make the projection anew and write what changed to standard output, as JSON; the exit code."""
    from services.visibility.adapters.rebuilding import rebuild
    from shared.runtime.command_line import answered
    from shared.store.shadow import ShadowError

    service = build(settings)
    return answered(service, settings.runtime, lambda: rebuild(service, settings.runtime), ShadowError)


def run_kpis(settings: KpiSettings) -> None:
    """The KPI app, until SIGTERM or SIGINT. Faust is loaded here, so that only this process pays for it."""
    from services.visibility.adapters.kpis import Terms, run_app

    runtime = settings.runtime
    terms = Terms(
        kafka=runtime.kafka,
        ops_host=runtime.ops_host,
        ops_port=runtime.ops_port,
        log_level=runtime.log_level,
        session_timeout_s=runtime.session_timeout_s,
        flush_s=settings.flush_s,
        limit=timedelta(seconds=settings.sla_s),
        window=timedelta(seconds=settings.window_s),
        hop=timedelta(seconds=settings.hop_s),
        recount=timedelta(seconds=settings.recount_s),
    )
    run_app(terms, Codec(Registry(runtime.registry)))
