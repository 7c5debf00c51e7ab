"""Who has to agree to a revision, and who still has to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.kernel.contract import Approval, ApprovalDecision, ContractType, Revision, RevisionKind


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """Roles whose approval each type of contract needs. An amendment is a change order, whatever contract it changes."""

    roles: Mapping[ContractType, tuple[str, ...]]
    queues: Mapping[str, str] = field(default_factory=dict)

    def required(self, revision: Revision, contract_type: ContractType) -> tuple[str, ...]:
        kind = ContractType.CHANGE_ORDER if revision.kind is RevisionKind.AMENDMENT else contract_type
        return self.roles.get(kind, ())

    def queue(self, role: str) -> str:
        """The support queue that decides for `role`; a role without one has a queue of its own name."""
        return self.queues.get(role, role)


def agreed(approvals: Iterable[Approval], role: str) -> bool:
    """Whether the latest decision of `role` is an approval. A later decision takes the place of an earlier one."""
    decisions = [approval for approval in approvals if approval.role == role]
    return bool(decisions) and max(decisions, key=lambda a: a.decided_at).decision is ApprovalDecision.APPROVED


def rejected(approvals: Iterable[Approval], role: str) -> Approval | None:
    """The rejection that stands for `role`, None when nothing was decided or the latest decision is an approval."""
    decisions = [approval for approval in approvals if approval.role == role]
    latest = max(decisions, key=lambda a: a.decided_at, default=None)
    return latest if latest is not None and latest.decision is ApprovalDecision.REJECTED else None


def merged(earlier: tuple[Approval, ...], later: tuple[Approval, ...]) -> tuple[Approval, ...]:
    """Both, each decision once, in the order they became known."""
    return earlier + tuple(approval for approval in dict.fromkeys(later) if approval not in earlier)
