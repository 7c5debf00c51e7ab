"""Judges dead letters: each record goes through the service's own decoding and decider, against today's states, and nothing is written."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from shared.messages.base import Message
from shared.runtime.book import Book
from shared.runtime.deciding import Deciding, Draft
from shared.runtime.decision import Outcome, Service
from shared.runtime.drafting import PASSES, needed
from shared.runtime.lanes import OwnedLane
from shared.runtime.redrive import Again, KeptBody
from shared.runtime.redriving.judgement import UNDECODED, VERDICTS, Judgement, item_of, may_regress, said, worth, would_regress
from shared.runtime.work import Item, item_again, routes_of
from shared.store.batches import BatchStore
from shared.store.letters import Letter
from shared.store.plans import PlanItem, PlanStore, Row
from shared.wire.codec import Codec
from shared.wire.compatibility import parse, unreadable
from shared.wire.limits import Undecodable


class Watched(Book):
    """A book over rows that many share, which notes what one decision looks at."""

    def __init__(self, types: Mapping[str, type], shared: Book) -> None:
        super().__init__(types, {})
        self.rows, self.decoded = shared.rows, shared.decoded
        self.looked: set[str] = set()

    def get(self, key: str) -> Any:
        self.looked.add(key)
        return super().get(key)


class Judge:
    def __init__(self, service: Service, codec: Codec, states: BatchStore, plans: PlanStore) -> None:
        self.service, self.codec, self.states, self.plans = service, codec, states, plans
        self.routes = routes_of(service)
        self.older: dict[int, str] = {}

    async def items(self, plan: Row, letters: Sequence[Letter]) -> list[PlanItem]:
        """The items of `plan` for its next letters."""
        keys = [letter.key for letter in letters if letter.key is not None]
        first, held = await self.plans.first_of(keys), await self.plans.held(keys)
        judged = await self._judge(letters, first)
        overtaken = await self.plans.overtaken([letter for letter in letters if may_regress(letter, judged[letter.id])])
        for letter in letters:
            if letter.id in overtaken:
                judged[letter.id] = would_regress(judged[letter.id])
        return [item_of(plan["items"] + i + 1, letter, judged[letter.id], held.get(letter.key or "", 0)) for i, letter in enumerate(letters)]

    async def _judge(self, letters: Sequence[Letter], first: Mapping[str, int]) -> dict[int, Judgement]:
        judged, items = dict[int, Judgement](), dict[int, Item]()
        for letter in letters:
            if letter.is_poison:
                judged[letter.id] = Judgement("still broken", UNDECODED)
            elif letter.key is not None and first.get(letter.key, letter.id) != letter.id:
                judged[letter.id] = Judgement("behind another", "an older dead letter of this key comes first; plan again after it")
            else:
                self._take(letter, items, judged)
        book = await self._book(list(items.values()))
        for letter in letters:
            if letter.id in items:
                judged[letter.id] = await self._judge_one(items[letter.id], self._schema(letter), book)
        return judged

    def _take(self, letter: Letter, items: dict[int, Item], judged: dict[int, Judgement]) -> None:
        try:
            items[letter.id] = item_again(Again(_body(letter)), OwnedLane((letter.topic, letter.part), 0, 0, 0), None, self.service, self.codec)
        except ValueError as gone:
            judged[letter.id] = Judgement("still broken", str(gone))

    async def _book(self, items: Sequence[Item]) -> Book:
        """What the records say that they want to look at, read at once for all of them."""
        book = Book(self.service.states, {})
        for _ in range(PASSES):
            if not (unread := needed(items, book)):
                break
            book.rows |= await self.states.load(unread)
        return book

    async def _judge_one(self, item: Item, schema: str, book: Book) -> Judgement:
        draft, looked = await self._decide(item, book)
        _, outcome, cause = draft.outcomes[0]
        if outcome is Outcome.DEAD_LETTERED:
            return Judgement("still broken", said(cause), schema)
        emits = tuple({"topic": p.target, "key": (p.key or b"").decode("utf-8", "replace")} for p in draft.batch.publications)
        calls = tuple({"id": str(e.id), "step": e.step, "target": e.target, "content": json.loads(e.content)} for e in draft.batch.effects)
        reads = {key: book.version(key) for key in sorted(looked)}
        note = draft.batch.journal[0].note or outcome.value
        return Judgement(VERDICTS.get(outcome, "apply"), note, schema, emits, calls, reads, *worth(item.event))

    async def _decide(self, item: Item, book: Book) -> tuple[Draft, set[str]]:
        for _ in range(PASSES):
            watched = Watched(self.service.states, book)
            unread = needed([item], watched)
            draft = Deciding(self.service, self.codec, watched, datetime.now(UTC)).run([item]) if not unread else Draft(unread=unread)
            if not draft.unread:
                return draft, watched.looked
            book.rows |= await self.states.load(draft.unread)
        raise LookupError(f"the decider of {item.key} asked for new keys {PASSES} times over; its needs do not come to an end")

    def _schema(self, letter: Letter) -> str:
        """Whether what wrote the record is what reads it today; said first, because no decision can mend it."""
        route = self.routes.get(letter.topic)
        if route is None or route.message is None:
            return "none"
        try:
            schema_id, same = self.codec.writer_of_value(letter.value or b"", cast(type[Message], route.message))
        except Undecodable as problem:
            return f"unreadable ({problem.code})"
        return "today's" if same else self._older(schema_id, route.message)

    def _older(self, schema_id: int, reader: Any) -> str:
        """In words, once for each schema; what one record holds may decode even so, and only then may it fail for good."""
        if schema_id not in self.older:
            gaps = unreadable(parse(reader.avro_schema), parse(self.codec.schema_text(schema_id)))
            self.older[schema_id] = f"{schema_id}, not all of it readable today: {gaps[0]}" if gaps else f"{schema_id}, read as today's"
        return self.older[schema_id]


def _body(letter: Letter) -> KeptBody:
    return KeptBody(letter.topic, letter.part, letter.offset, letter.headers, letter.key, letter.record_key, letter.value)
