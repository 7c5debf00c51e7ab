"""Plays the scenario against a running stack. What was told before is told again and changes nothing; what breaks something is done once."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

from confluent_kafka import Producer

from deploy.embedded.demo import scenario
from deploy.embedded.demo.watch import Watch, active, stuck
from shared.ops.door import Door, token_of
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError, StackDown

POISON_KEY, POISON = "HB-0000", b"\x00\xff\xff\xff\xfenobody can read this"
SOURCE_TOPIC = "source.clm.contract.v1"
OUTAGE_TENANT, OUTAGE_S = "netsuite-us", 6
DUPLICATES = ("ADV-105", "ENG-206")  # one event sent twice, one statement repeated under another id
EARLY = "ADV-102-A1"

_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Play:
    home: Path
    endpoints: Endpoints
    say: Callable[[str], None]
    firm: scenario.Firm = field(default_factory=scenario.firm)

    def run(self) -> None:
        """Until every contract is active. Raises OpsError, StackDown."""
        firm = self.firm
        self.say(f"Halden & Brook: {len(firm.contracts)} contracts of {len(firm.units)} business units, for {len(firm.accounts)} customer accounts.")
        self._master_data()
        self._once("outage", self._outage)
        self._contracts()
        self._once("poison", self._poison)
        watch = Watch(self.endpoints, firm.contracts.keys(), self.say)
        self._approvals(watch)
        self._late_entity(watch)
        self._end(watch)

    def _master_data(self) -> None:
        self._send("mappings", [*scenario.routes(self.firm), *scenario.entities(self.firm, late=False).values()])
        self._send("accounts", scenario.accounts(self.firm))
        self.say("The stewards load routes, companies and resource codes; the CRM reports its accounts and who belongs to whom.")

    def _contracts(self) -> None:
        first, last = DUPLICATES
        self._send("clm", [scenario.amendment(self.firm, EARLY)])
        self.say(f"A change order ({EARLY}) comes before its contract: it waits for it.")
        self._send("clm", [scenario.contract(self.firm, contract_id) for contract_id in self.firm.contracts])
        self._send("clm", [scenario.amendment(self.firm, key) for key in self.firm.amendments if key != EARLY])
        self.say(f"The CLM reports {len(self.firm.contracts)} contracts and {len(self.firm.amendments)} change orders.")
        again = [scenario.contract(self.firm, first), scenario.contract(self.firm, last, seen_at=timedelta(days=1))]
        self._send("clm", again)
        self.say(f"{first} and {last} are reported twice: nothing comes of the second time.")

    def _outage(self) -> None:
        order = json.dumps({"outage": {"seconds": OUTAGE_S}, "account": OUTAGE_TENANT}).encode()
        request = Request(f"{self.endpoints['netsuite']}/_sandbox/faults", order, {"Content-Type": "application/json"}, method="POST")  # noqa: S310
        with _opener.open(request, timeout=10):
            self.say(f"{OUTAGE_TENANT} goes away for {OUTAGE_S} s: its calls are tried again, the other tenants go on.")

    def _poison(self) -> None:
        producer = Producer({"bootstrap.servers": self.endpoints["kafka"], "enable.idempotence": True})
        producer.produce(SOURCE_TOPIC, POISON, key=POISON_KEY)
        if producer.flush(30):
            raise StackDown(f"Kafka at {self.endpoints['kafka']} does not take records: run `throughline doctor`.")
        self.say(f"A record that nobody can decode arrives under the key {POISON_KEY}: it becomes a dead letter, and holds up nobody else.")

    def _approvals(self, watch: Watch) -> None:
        """Everything that can go on by itself does; some contracts still wait for a decision."""
        late = [key for key, told in self.firm.contracts.items() if told.get("approve_later")]
        watch.until(lambda lines: all(key in lines for key in self.firm.contracts), "every contract is known")
        waiting = [key for key, line in watch.look().items() if key in late and stuck(line)]
        self._send("clm", scenario.late_approvals(self.firm))
        if waiting:
            self.say(f"{' and '.join(waiting)} waited for approvals; the approvers decide.")

    def _late_entity(self, watch: Watch) -> None:
        watch.until(lambda lines: all(active(line) or self.firm.late(key) for key, line in lines.items()), "all but the waiting ones are active")
        for key, line in scenario.entities(self.firm, late=True).items():
            count = watch.waiting_for(key)
            if count:
                self.say(f"{count} contracts wait for {key} · supplying it")
            self._send("mappings", [line])

    def _end(self, watch: Watch) -> None:
        lines = watch.until(lambda lines: all(active(line) for line in lines.values()), "every contract is active")
        self.say(f"All {len(lines)} contracts are active. {POISON_KEY} is left for you: `throughline dlt ls`, then `throughline dlt show`.")
        self.say("What became of the one that waited: `throughline trace OPS-301`.")

    def _send(self, intake: str, lines: list[bytes]) -> None:
        door = Door(self.endpoints["door"], token_of(self.home), self.say)
        refused = [answer for answer in door.send(intake, lines) if answer["outcome"] != "taken"]
        if refused:
            raise OpsError(f"The door refused a line of the demo: {refused[0]['reason']}")

    def _once(self, name: str, act: Callable[[], None]) -> None:
        """On data that is kept, what was broken on purpose is not broken again."""
        notes = self.home / "feeds" / "demo.json"
        done = set(json.loads(notes.read_text(encoding="utf-8"))) if notes.exists() else set()
        if name not in done:
            act()
            notes.parent.mkdir(parents=True, exist_ok=True)
            notes.write_text(json.dumps(sorted(done | {name})), encoding="utf-8")
