"""From an account up to its ultimate parent, with guards against hierarchies that lead nowhere."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.kernel.cause import Cause
from shared.kernel.engagement import Account

DEEPEST = 32  # levels; the deepest corporate hierarchies published have about ten

FindAccount = Callable[[str], Account | None]


@dataclass(frozen=True, slots=True)
class Climb:
    """The accounts met on the way up, the first one first. `missing` is the account that is not there yet; `cause` why it led nowhere."""

    path: tuple[Account, ...]
    missing: str | None = None
    cause: Cause | None = None

    @property
    def top(self) -> Account | None:
        return self.path[-1] if self.path and self.missing is None and self.cause is None else None


def climb(account_id: str, find: FindAccount) -> Climb:
    """Follow parents from `account_id` until an account has none."""
    path: dict[str, Account] = {}
    step: str | None = account_id
    while step is not None:
        if step in path:
            return Climb(_loop(path, step), cause=_cycle(_loop(path, step)))
        if len(path) == DEEPEST:
            return Climb(tuple(path.values()), cause=_too_deep(account_id))
        account = find(step)
        if account is None:
            return Climb(tuple(path.values()), missing=step)
        path[step], step = account, account.parent_id
    return Climb(tuple(path.values()))


def _loop(path: dict[str, Account], again: str) -> tuple[Account, ...]:
    order = list(path)
    return tuple(path[account_id] for account_id in order[order.index(again) :])


def _cycle(loop: tuple[Account, ...]) -> Cause:
    names = " > ".join(f"'{account.account_id}'" for account in (*loop, loop[0]))
    return Cause("account-cycle", f"accounts are each other's parents: {names}; correct the parent of one of them in the CRM")


def _too_deep(account_id: str) -> Cause:
    message = f"account '{account_id}' has more than {DEEPEST} levels of parents; correct its hierarchy in the CRM"
    return Cause("account-hierarchy-too-deep", message)
