"""The wiring of master_data: which records go to which decider."""

from functools import partial

from services.master_data.domain.assess import Rules
from services.master_data.domain.facts import Entries, KnownAccount
from services.master_data.domain.standing import Standing
from services.master_data.handlers.contracts import needs, on_contract_state, on_woken
from services.master_data.handlers.facts import on_account, on_mapping
from services.master_data.settings import Settings
from shared.messages.contract import ContractState
from shared.messages.source import SourceAccount, SourceMapping
from shared.runtime.decision import Route, Service

STATES = {
    "contract": Standing,
    "account": KnownAccount,
    "erp_route": Entries,
    "legal_entity": Entries,
    "resource_code": Entries,
    "tax": Entries,
    "": Entries,
}


def build(settings: Settings) -> Service:
    rules = Rules(tax_tenants=frozenset(settings.tax_tenants))
    needed = partial(needs, rules=rules)
    return Service(
        name="master_data",
        routes=(
            Route("contract.state.v1", ContractState, partial(on_contract_state, rules=rules), needs=needed),
            Route("source.crm.account.v1", SourceAccount, on_account, namespace="account"),
            Route("source.reference.mapping.v1", SourceMapping, on_mapping, namespace=""),
        ),
        states=STATES,
        on_woken=partial(on_woken, rules=rules),
        needs=needed,
    )
