"""The firm's rules that are not the field's: who approves what, and whose queue decides."""

from services.contract_events.domain.approvals import ApprovalPolicy
from shared.kernel.contract import ContractType

# A framework agreement binds the firm legally; a statement of work also commits money; a change order only moves money.
REQUIRED_ROLES = {
    ContractType.MSA: ("legal",),
    ContractType.SOW: ("legal", "finance"),
    ContractType.CHANGE_ORDER: ("finance",),
}
QUEUES = {"legal": "legal", "finance": "finance", "delivery": "delivery"}


def approval_policy(msa: tuple[str, ...], sow: tuple[str, ...], change_order: tuple[str, ...]) -> ApprovalPolicy:
    return ApprovalPolicy({ContractType.MSA: msa, ContractType.SOW: sow, ContractType.CHANGE_ORDER: change_order}, QUEUES)


DEFAULT = ApprovalPolicy(REQUIRED_ROLES, QUEUES)
