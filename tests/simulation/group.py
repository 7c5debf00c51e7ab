"""The coordinator of one consumer group: members, sessions, and partitions that change hands cooperatively, one round after another."""

from dataclasses import dataclass, field

from shared.store.rows import Lane
from tests.simulation.loop import Process
from tests.simulation.world import World


@dataclass(eq=False)
class Member:
    """`owned` as the member has it; `wanted` as the coordinator wants it."""

    process: Process
    owned: set[Lane] = field(default_factory=set)
    wanted: set[Lane] = field(default_factory=set)
    evicted: bool = False
    heard: float = 0.0


class Group:
    def __init__(self, world: World, lanes: list[Lane], session_s: float) -> None:
        self.world, self.lanes, self.session_s = world, lanes, session_s
        self.members: list[Member] = []
        self.committed: dict[Lane, int] = {}

    def join(self, process: Process) -> Member:
        member = Member(process, heard=self.world.loop.elapsed)
        self.members.append(member)
        self.world.say(f"group: {process} joins")
        self.rebalance()
        self.world.after(self.session_s, self._watch, member)
        return member

    def leave(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
            member.evicted = True
            self.rebalance()

    def rebalance(self, shuffle: bool = False) -> None:
        """Spread the lanes evenly; lanes stay where they are unless `shuffle`."""
        if not self.members:
            return
        spread: dict[int, set[Lane]] = {i: set() for i in range(len(self.members))}
        most = -(-len(self.lanes) // len(self.members))
        for lane in self.lanes:
            holder = next((i for i, m in enumerate(self.members) if lane in m.wanted and len(spread[i]) < most), None)
            if holder is None or shuffle:
                free = [i for i in spread if len(spread[i]) < most]
                holder = self.world.random.choice(free)
            spread[holder].add(lane)
        for i, member in enumerate(self.members):
            member.wanted = spread[i]
        self.world.say("group: " + ", ".join(f"{m.process}={sorted(p for _, p in m.wanted)}" for m in self.members))

    def to_revoke(self, member: Member) -> set[Lane]:
        return member.owned if member.evicted else member.owned - member.wanted

    def to_assign(self, member: Member) -> set[Lane]:
        """Lanes that nobody else in the group still has."""
        if member.evicted:
            return set()
        held = {lane for other in self.members if other is not member for lane in other.owned}
        return member.wanted - member.owned - held

    def _watch(self, member: Member) -> None:
        """Heartbeats come by themselves from a process that runs."""
        if member not in self.members or self.world.over:
            return
        now = self.world.loop.elapsed
        if not (member.process.dead or member.process.frozen):
            member.heard = now
        if now - member.heard >= self.session_s:
            self.world.say(f"group: {member.process} is taken for dead")
            self.leave(member)
        else:
            self.world.after(1.0, self._watch, member)
