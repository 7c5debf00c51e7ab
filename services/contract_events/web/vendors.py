"""What DocuSign and Ironclad deliver, reduced to what it says about a contract."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field

from services.contract_events.domain.events import ContractEvent, Kind
from shared.kernel.contract import Approval, ApprovalDecision
from shared.kernel.ids import derive

CONTRACT_FIELD, ROLE_FIELD = "contractid", "approvalrole"


class TextField(BaseModel):
    name: str = ""
    value: str | None = None


class CustomFields(BaseModel):
    textCustomFields: list[TextField] = Field(default_factory=list)
    listCustomFields: list[TextField] = Field(default_factory=list)


class Person(BaseModel):
    name: str = ""
    userName: str = ""
    email: str = ""

    @property
    def named(self) -> str:
        return self.email or self.name or self.userName or "unknown"


class Recipients(BaseModel):
    signers: list[Person] = Field(default_factory=list)


class EnvelopeSummary(BaseModel):
    customFields: CustomFields = Field(default_factory=CustomFields)
    recipients: Recipients = Field(default_factory=Recipients)
    sender: Person = Field(default_factory=Person)
    completedDateTime: AwareDatetime | None = None
    declinedDateTime: AwareDatetime | None = None
    voidedDateTime: AwareDatetime | None = None


class EnvelopeData(BaseModel):
    envelopeId: str = Field(min_length=1, max_length=200)
    envelopeSummary: EnvelopeSummary = Field(default_factory=EnvelopeSummary)


class ConnectMessage(BaseModel):
    """A Connect message, JSON SIM, restv2.1."""

    event: str
    generatedDateTime: AwareDatetime
    data: EnvelopeData


class WorkflowRef(BaseModel):
    event: str
    workflowID: str = Field(min_length=1, max_length=200)


class IroncladMessage(BaseModel):
    """A thin message: it names the workflow, and no more."""

    payload: WorkflowRef
    timestamp: AwareDatetime


def reported_by_docusign(message: ConnectMessage, default_role: str) -> ContractEvent | str:
    """The approval that an envelope's end means, or why it means nothing here. A delivery repeated by DocuSign gives the same event."""
    summary = message.data.envelopeSummary
    ends = {
        "envelope-completed": (ApprovalDecision.APPROVED, summary.completedDateTime),
        "envelope-declined": (ApprovalDecision.REJECTED, summary.declinedDateTime),
        "envelope-voided": (ApprovalDecision.REJECTED, summary.voidedDateTime),
    }
    if message.event not in ends:
        return f"{message.event} decides nothing"
    fields = {field.name.strip().lower(): field.value for field in (*summary.customFields.textCustomFields, *summary.customFields.listCustomFields)}
    contract_id = (fields.get(CONTRACT_FIELD) or "").strip()
    if not contract_id:
        return "the envelope has no custom field ContractId"
    decision, decided_at = ends[message.event]
    signers = summary.recipients.signers
    actor = (signers[-1] if signers and decision is ApprovalDecision.APPROVED else summary.sender).named
    role = (fields.get(ROLE_FIELD) or default_role).strip().lower()
    identity = ("docusign", message.data.envelopeId, message.event, contract_id)
    return _approval("docusign", identity, contract_id, role, actor, decision, decided_at or message.generatedDateTime)


def reported_by_ironclad(message: IroncladMessage, delivery: str, role: str, contract_id: str) -> ContractEvent | str:
    """The approval or cancellation that a workflow's end means, or why it means nothing here."""
    workflow, at = message.payload.workflowID, message.timestamp
    identity = ("ironclad", delivery or workflow, message.payload.event, workflow)
    if message.payload.event == "workflow_completed":
        return _approval("ironclad", identity, contract_id, role, f"Ironclad workflow {workflow}", ApprovalDecision.APPROVED, at)
    if message.payload.event == "workflow_cancelled":
        return ContractEvent(
            event_id=str(derive(*identity)),
            occurred_at=at,
            source="ironclad",
            contract_id=contract_id,
            kind=Kind.CANCELLATION,
            reason=f"Ironclad workflow {workflow} was cancelled",
        )
    return f"{message.payload.event} decides nothing"


def _approval(
    source: str, identity: tuple[str, ...], contract_id: str, role: str, actor: str, decision: ApprovalDecision, at: datetime
) -> ContractEvent:
    return ContractEvent(
        event_id=str(derive(*identity)),
        occurred_at=at,
        source=source,
        contract_id=contract_id,
        kind=Kind.APPROVAL,
        approval=Approval(role=role, actor=actor, decision=decision, decided_at=at),
    )
