"""The whole set-up of a contract in its ERP tenant, in the order in which its objects refer to each other."""

from collections.abc import Iterator

from services.erp_provisioning.domain.entities import customer, project, tasks
from services.erp_provisioning.domain.schedules import billing_schedule, revenue_schedule
from services.erp_provisioning.domain.steps import Step, Unplannable
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


def plan(contract: Contract, engagement: Engagement) -> tuple[Step, ...]:
    """Customers first, then the project with its tasks, then the schedules. A framework agreement without value needs its customers only.

    Raises Unplannable.
    """
    steps = tuple(_steps(contract, engagement))
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Unplannable(
            "steps-named-alike", f"two parts of contract {contract.contract_id!r} are both {twice!r}; give lines and milestones keys of their own"
        )
    return steps


def _steps(contract: Contract, engagement: Engagement) -> Iterator[Step]:
    parent = engagement.ultimate_parent if engagement.ultimate_parent.account_id != engagement.customer.account_id else None
    if parent is not None:
        yield customer("parent-customer", parent, engagement, None)
    yield customer("customer", engagement.customer, engagement, parent)
    if contract.lines or contract.total_value.amount:
        yield project(contract, engagement)
        yield from tasks(contract, engagement)
        yield billing_schedule(contract, engagement)
        yield revenue_schedule(contract, engagement)
