"""Compares what was decided anew with the live record: states, records published, calls and dead letters, key by key."""

import json
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any

import asyncpg
import msgspec

from shared.messages.base import Message
from shared.runtime.replaying.difference import Difference, of_emits, of_state
from shared.runtime.replaying.log import Log, Read, spans_of
from shared.runtime.replaying.where import Where
from shared.store.shadow import Shadow, Span
from shared.wire.codec import Codec
from shared.wire.limits import Undecodable

LISTED = 100
COPIED = 1000
_AS_JSON = msgspec.json.Encoder(decimal_format="string").encode

KEYS = """
select count(*) filter (where o.key is null) as compared, count(*) filter (where o.key is null and l.body = s.body) as alike
from {live}.state l full join state s using (key) left join outside o using (key)
"""
STATES = """
select key, l.body as there, s.body as here from {live}.state l full join state s using (key) left join outside o using (key)
where o.key is null and l.body is distinct from s.body order by key
"""
# Of a compacted topic only the newest record of a key is sure to be there. Here it is the line that the key's state names; a key that one lane
# alone tells of has none, and its last line is the newest.
EMITS = """
with both_sides as (
  select false as here, false as told, n, topic, key, body from emitted
  union all select true, o.topic || '/' || o.part || ':' || o.seq in (select told from state where told is not null),
    row_number() over (order by p.n, o.seq), o.target, convert_from(o.key, 'UTF8'), convert_from(o.value, 'UTF8')::jsonb - 'occurred_at'
  from outbox o join outbox_page p on o.topic = p.topic and o.part = p.part and o.seq between p.first and p.last where o.target = any($1)
), ranked as (
  select b.*, row_number() over (partition by here, topic, key order by told desc, n desc) as back from both_sides b
  where not exists (select from outside o where o.bare = b.key) and b.key is not null
)
select topic, key, body, count(*) filter (where here) as here, count(*) filter (where not here) as there
from ranked where back = 1 or topic <> all($2) group by topic, key, body
"""
UNLIKE_EMITS = "select * from ({part}) x where here <> there order by topic, key"
UNLIKE = "select * from ({part}) x where here <> there order by key"
ALIKE = "select count(*) from ({part}) x where here = there"
EMITS_ALIKE = "select coalesce(sum(least(here, there)), 0)::bigint from ({part}) x"
EFFECTS = """
select coalesce(s.key, l.key) as key, coalesce(s.step, l.step) as step, coalesce(s.target, l.target) as target,
  coalesce(s.content, l.content) as content, s.id is not null as here, l.id is not null as there
from effect s full join {live}.effect l using (id) left join outside o on o.key = coalesce(s.key, l.key) where o.key is null
"""
LETTERS = """
select coalesce(s.key, l.key) as key, coalesce(s.code, l.code) as code, coalesce(s.message, l.message) as message,
  s.id is not null as here, l.id is not null as there
from dead_letter s full join {live}.dead_letter l using (topic, part, "offset", fingerprint)
  left join span p on p.topic = coalesce(s.topic, l.topic) and p.part = coalesce(s.part, l.part)
  left join outside o on o.key = coalesce(s.key, l.key)
where o.key is null and (p.topic is not null or s.id is not null)
"""


@dataclass(frozen=True, slots=True)
class Output:
    """A topic that the service writes: what its records are, and whether older ones of a key may be gone."""

    topic: str
    message: type[Message]
    compacted: bool = False


@dataclass(slots=True)
class Report:
    """`same` and `different` count by what was compared; `differences` lists the first of each; `outside` counts keys by why they were not."""

    service: str
    schema: str
    spans: list[dict[str, Any]]
    records: int
    decided: int = 0
    same: Counter[str] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    would_be_called: int = 0
    outside: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    def found(self, difference: Difference) -> None:
        self.different[difference.what] += 1
        if self.different[difference.what] <= LISTED:
            self.differences.append(difference)

    def as_json(self) -> dict[str, Any]:
        plain = {each.name: getattr(self, each.name) for each in dataclass_fields(self)}
        return plain | {"differences": [asdict(each) for each in self.differences]}


async def compare(shadow: Shadow, outputs: Sequence[Output], bootstrap: str, codec: Codec, report: Report) -> None:
    """Fill in `report`. Raises KafkaException, RegistryAway."""
    await shadow.set_apart([output.topic for output in outputs])
    await copy_emitted(shadow, outputs, bootstrap, codec)
    async with shadow.pool.acquire() as db, db.transaction(isolation="repeatable_read", readonly=True):
        await _states(db, shadow.live, report)
        await _emits(db, outputs, report)
        await _effects(db, shadow.live, report)
        await _letters(db, shadow.live, report)
        report.outside = {r["why"]: r["count"] for r in await db.fetch("select why, count(*) from outside group by why order by why")}


async def copy_emitted(shadow: Shadow, outputs: Sequence[Output], bootstrap: str, codec: Codec) -> None:
    """What was published so far, as text, into the schema beside."""
    messages = {output.topic: output.message for output in outputs}
    spans = spans_of(bootstrap, list(messages), Where(), Where())
    log = Log(bootstrap, spans)
    try:
        for piece in log.rest(COPIED):
            rows = [_emitted(read, messages, codec) for read in piece]
            await shadow.pool.executemany("insert into emitted (topic, key, body) values ($1, $2, $3::jsonb - 'occurred_at')", rows)
    finally:
        log.close()


def _emitted(read: Read, messages: Mapping[str, type[Message]], codec: Codec) -> tuple[str, str | None, str]:
    topic = read.record.claim.lane[0]
    key = read.record.key.decode("utf-8", "replace") if read.record.key else None
    try:
        return topic, key, _AS_JSON(codec.decode(read.record.value or b"", messages[topic])).decode()
    except Undecodable as problem:
        return topic, key, json.dumps({"undecodable": problem.message})


async def _states(db: asyncpg.pool.PoolConnectionProxy, live: str, report: Report) -> None:
    counts = await db.fetchrow(KEYS.format(live=live))
    assert counts is not None
    async for row in db.cursor(STATES.format(live=live)):
        if found := of_state(row["key"], _decoded(row["there"]), _decoded(row["here"])):
            report.found(found)
    report.same["state"] = counts["compared"] - report.different["state"]


async def _emits(db: asyncpg.pool.PoolConnectionProxy, outputs: Sequence[Output], report: Report) -> None:
    told = [output.topic for output in outputs], [output.topic for output in outputs if output.compacted]
    report.same["emit"] = await db.fetchval(EMITS_ALIKE.format(part=EMITS), *told)
    async for topic, key, there, here in _by_key(db.cursor(UNLIKE_EMITS.format(part=EMITS), *told)):
        for found in of_emits(topic, key, there, here):
            report.found(found)


async def _by_key(rows: AsyncIterable[asyncpg.Record]) -> AsyncIterator[tuple[str, str, list[Any], list[Any]]]:
    """Topic, key, and the bodies without a counterpart of each side."""
    now: tuple[str, str] | None = None
    there, here = list[Any](), list[Any]()
    async for row in rows:
        if now is not None and now != (row["topic"], row["key"]):
            yield *now, there, here
            there, here = [], []
        now, missing = (row["topic"], row["key"]), row["there"] - row["here"]
        (there if missing > 0 else here).extend([json.loads(row["body"])] * abs(missing))
    if now is not None:
        yield *now, there, here


async def _effects(db: asyncpg.pool.PoolConnectionProxy, live: str, report: Report) -> None:
    effects = EFFECTS.format(live=live)
    report.same["effect"] = await db.fetchval(ALIKE.format(part=effects))
    async for row in db.cursor(UNLIKE.format(part=effects)):
        report.would_be_called += row["here"]
        said = f"{row['step']} at {row['target']}: {row['content'].decode()}"
        report.found(Difference("effect", row["key"], said, "here" if row["here"] else "there"))


async def _letters(db: asyncpg.pool.PoolConnectionProxy, live: str, report: Report) -> None:
    letters = LETTERS.format(live=live)
    report.same["dead letter"] = await db.fetchval(ALIKE.format(part=letters))
    async for row in db.cursor(UNLIKE.format(part=letters)):
        said = f"{row['code']}: {row['message']}"
        report.found(Difference("dead letter", row["key"] or "", said, "here" if row["here"] else "there"))


def _decoded(body: bytes | None) -> Any:
    return None if body is None else json.loads(body)


def spans_as_json(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"topic": span.lane[0], "partition": span.lane[1], "from": span.first, "to": span.past} for span in spans]


