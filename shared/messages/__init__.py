"""Messages as typed values, one module for each subject area of schemas/.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

from shared.messages.archive import ArchiveReceipt
from shared.messages.base import Message
from shared.messages.billing import BillingEvent
from shared.messages.contract import ContractState
from shared.messages.engagement import EngagementReady
from shared.messages.provisioning import ErpProvisioning
from shared.messages.psa import PsaSync
from shared.messages.source import SourceAccount
from shared.messages.source import SourceContract
from shared.messages.source import SourceMapping
from shared.messages.workflow import KpiWindow
from shared.messages.workflow import SlaBreach
from shared.messages.workflow import WorkflowStatus

BY_TOPIC: dict[str, type[Message]] = {
    "source.clm.contract.v1": SourceContract,
    "source.crm.account.v1": SourceAccount,
    "source.reference.mapping.v1": SourceMapping,
    "contract.state.v1": ContractState,
    "engagement.ready.v1": EngagementReady,
    "erp.provisioning.v1": ErpProvisioning,
    "psa.sync.v1": PsaSync,
    "workflow.status.v1": WorkflowStatus,
    "kpi.window.v1": KpiWindow,
    "sla.breach.v1": SlaBreach,
    "billing.event.v1": BillingEvent,
    "archive.receipt.v1": ArchiveReceipt,
}
