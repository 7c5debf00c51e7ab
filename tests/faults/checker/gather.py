"""Reads the evidence where it lies: plain SQL, dumps of the topics as committed and as written, the vendors' own journals."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from confluent_kafka import Consumer, TopicPartition

from tests.faults.checker.evidence import (
    LANE,
    OUTPUTS,
    SEQ,
    AuditRow,
    EffectRow,
    Evidence,
    Fed,
    Heard,
    JournalRow,
    Kept,
    LaneRow,
    PlanItem,
    PlanRow,
    PutAside,
    StateRow,
    TopicRecord,
    VendorCall,
    VendorObject,
    VendorWrite,
    outlets,
)

SOURCES = ("source.clm.contract.v1", "source.crm.account.v1", "source.reference.mapping.v1", "kpi.window.v1", "sla.breach.v1")
EFFECTS = """
select e.*, coalesce((select array_agg(a.outcome order by a.id) from attempt a where a.effect = e.id), '{}') as outcomes from effect e
"""
PLANS = "select id, hash from redrive_plan"
ITEMS = "select * from redrive_item order by plan, n"
AUDIT = "select who, why, what, plan, plan_hash, letter from audit"
ASIDE = 'select topic, part, "offset", key, record_key, value, headers, xmin::text::bigint as xid'
OF_THE_DAY = (401, 403, 409, 429)
"""Of the refusals, those that say nothing about what was told: sign in, come later, somebody else is at it."""
NETSUITE = re.compile(r"/record/v1/(?P<record>\w+)/eid:(?P<id>[^/?]+)")
SALESFORCE = re.compile(r"/sobjects/(?P<record>\w+)/Throughline_Key__c/(?P<id>[^/?]+)")


async def gather(dsn: str, bootstrap: str, home: Path, fed: Sequence[Fed], provisioned: set[str]) -> Evidence:
    """`dsn` of a role that may read every service's schema; `bootstrap` for Kafka clients; `home` holds the sandboxes' journals."""
    db = await asyncpg.connect(dsn)
    try:
        services = {name: await _service(db, name) for name in OUTPUTS}
    finally:
        await db.close()
    published = [topic for name in OUTPUTS for topic in outlets(name)]
    topics = [*SOURCES, *published, *(f"{name}.position.v1" for name in OUTPUTS)]
    aside = {(*row.lane, row.offset) for kept in services.values() for row in (*kept.dead, *kept.held)}
    records = [_without_value(record, aside) for record in dump(bootstrap, topics)]
    evidence = Evidence(list(fed), services, records, provisioned=provisioned)
    evidence.written = {_sequence(record) for record in dump(bootstrap, published, committed=False)}
    add_vendors(evidence, home)
    return evidence


def add_vendors(evidence: Evidence, home: Path) -> None:
    """What the vendors hold and heard."""
    for sandbox in ("netsuite", "psa"):
        evidence.objects += _objects(home, sandbox)
        evidence.writes += _writes(home, sandbox)
        evidence.calls += _calls(home, sandbox)
        evidence.kept += _kept_writes(home, sandbox)


def _without_value(record: TopicRecord, aside: set[tuple[str, int, int]]) -> TopicRecord:
    """What a service published is judged by its numbers; its bytes only where they were put aside. An hour's bytes would not be looked at."""
    looked_at = record.topic not in OUTPUTS.values() or (record.topic, record.partition, record.offset) in aside
    return record if looked_at else replace(record, value=None)


async def _service(db: asyncpg.Connection, name: str) -> Kept:
    await db.execute(f"set search_path to {name}")
    lanes = [LaneRow(*r.values()) for r in await db.fetch("select topic, part, next, head, epoch from lane")]
    journal = await db.fetch('select topic, part, epoch, "offset", inbox, key, version, outcome, xid::text::bigint as xid from journal')
    states = await db.fetch("select key, version, xmin::text::bigint as xid from state")
    return Kept(
        lanes,
        [JournalRow((r["topic"], r["part"]), *list(r.values())[2:]) for r in journal],
        [StateRow(*r.values()) for r in states],
        [_effect(r) for r in await db.fetch(EFFECTS)],
        [_aside(r) for r in await db.fetch(f"{ASIDE}, code, resolved is not null as resolved, id from dead_letter")],
        [_aside(r) for r in await db.fetch(f"{ASIDE} from held")],
        [((r["topic"], r["part"]), r["seq"]) for r in await db.fetch("select topic, part, seq from outbox")],
        await db.fetchval("select count(*) from inbox"),
        str(await db.fetchval("select id from incarnation")),
        *_plans(await db.fetch(PLANS), await db.fetch(ITEMS)),
        [AuditRow(*r.values()) for r in await db.fetch(AUDIT)],
    )


def _plans(plans: Sequence[asyncpg.Record], items: Sequence[asyncpg.Record]) -> tuple[list[PlanRow], list[PlanItem]]:
    """Each plan's hash is taken anew, every item bound to those before it."""
    again = {r["id"]: "" for r in plans}
    for r in items:
        bound = (r["n"], r["letter"], r["key"], r["digest"].hex(), r["fingerprint"], r["verdict"], r["emits"], r["calls"], r["reads"])
        again[r["plan"]] = sha256(again[r["plan"]].encode() + json.dumps(bound).encode()).hexdigest()
    found = [PlanRow(r["id"], r["hash"], again[r["id"]]) for r in plans]
    return found, [PlanItem(r["plan"], r["letter"], r["outcome"]) for r in items]


def _effect(r: asyncpg.Record) -> EffectRow:
    content = json.loads(r["content"])
    record = content["record"] if "record" in content else content["object"]
    only = content.get("method") == "PATCH" or bool(content.get("update_only"))
    said = (str(r["id"]), r["key"], r["target"], record, content["external_id"], r["status"], r["round"], r["created"], r["ended"])
    return EffectRow(*said, tuple(r["outcomes"]), only, digest_of(json.dumps(content["body"] if "body" in content else content["fields"])))


def digest_of(content: str | bytes) -> str:
    """As the vendors take it: names in order, numbers as the text they are written as."""
    told = json.loads(content, parse_float=str, parse_int=str)
    return sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _aside(r: asyncpg.Record) -> PutAside:
    headers = tuple((name, bytes(value)) for name, value in msgspec.msgpack.decode(r["headers"]))
    letter = list(r.values())[8:]  # what only a dead letter has: code, resolved, id
    return PutAside((r["topic"], r["part"]), r["offset"], r["key"], r["record_key"], r["value"], headers, r["xid"], *letter)


def _sequence(record: TopicRecord) -> tuple[str, bytes, bytes]:
    headers = dict(record.headers)
    return record.topic, headers.get(LANE, b""), headers.get(SEQ, b"")


def dump(bootstrap: str, topics: Sequence[str], committed: bool = True) -> Iterator[TopicRecord]:
    """Every record that a reader of committed records sees, or of all that were written, from the beginning to the end of now."""
    isolation = "read_committed" if committed else "read_uncommitted"
    options = {"bootstrap.servers": bootstrap, "group.id": "checker", "isolation.level": isolation, "enable.auto.commit": False}
    consumer = Consumer({**options, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    try:
        known = consumer.list_topics(timeout=30).topics
        places = [TopicPartition(topic, part, 0) for topic in topics if topic in known for part in known[topic].partitions]
        consumer.assign(places)
        open_ends = {(place.topic, place.partition) for place in places}
        while open_ends:
            for message in consumer.consume(2000, 5.0):
                if message.error():
                    open_ends.discard((message.topic() or "", message.partition() or 0))
                else:
                    yield _record(message)
    finally:
        consumer.close()


def _record(message: Any) -> TopicRecord:
    headers = tuple((str(name), value or b"") for name, value in message.headers() or [])
    return TopicRecord(message.topic(), message.partition(), message.offset(), message.key(), message.value(), headers)


def _objects(home: Path, sandbox: str) -> list[VendorObject]:
    """Each object once, with the external id it has or had. What the vendor was sown with is left out: nobody told it of that."""
    told = (line for line in _lines(home / "sandboxes" / sandbox / "objects.jsonl") if line.get("digest"))
    return sorted({VendorObject(line["tenant"], line["record"], line["id"], line["external_id"] or "") for line in told}, key=str)


def _kept_writes(home: Path, sandbox: str) -> Iterator[VendorWrite]:
    for line in _lines(home / "sandboxes" / sandbox / "objects.jsonl"):
        if line.get("digest"):
            yield VendorWrite(line["tenant"], line["record"], line["external_id"] or "", line["digest"])


def _lines(journal: Path) -> Iterator[Any]:
    with journal.open("rb") as lines:
        yield from map(json.loads, lines)


def _writes(home: Path, sandbox: str) -> Iterator[VendorWrite]:
    """Writes that the vendor carried out, answered or not: of those alone it keeps a digest. One that names no external id stands under its
    method and path, so that it is no intent's: every call of ours names one."""
    for request in _lines(home / "sandboxes" / sandbox / "requests.jsonl"):
        if request["digest"]:
            record, external_id = _named(request["path"]) or (request["method"], request["path"])
            yield VendorWrite(request["account"], record, external_id, request["digest"])


def _calls(home: Path, sandbox: str) -> Iterator[VendorCall]:
    """What was asked about objects by their external ids, oldest first; what failed, or came on a bad day, says nothing of them."""
    for request in _lines(home / "sandboxes" / sandbox / "requests.jsonl"):
        named, heard = _named(request["path"]), _heard(request)
        if named and heard:
            yield VendorCall(request["account"], *named, heard, request["digest"] or "")


def _named(path: str) -> tuple[str, str] | None:
    found = NETSUITE.search(path) or SALESFORCE.search(path)
    return (found["record"], found["id"]) if found else None


def _heard(request: Any) -> Heard | None:
    if request["digest"]:
        return Heard.TAKEN
    if request["method"] == "GET":
        return Heard.SHOWN if request["status"] in (200, 404) else None
    return Heard.REFUSED if 400 <= request["status"] < 500 and request["status"] not in OF_THE_DAY else None
