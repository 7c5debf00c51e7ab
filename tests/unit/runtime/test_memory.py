"""What is remembered of states, and what is not."""

from collections.abc import Mapping
from datetime import UTC, datetime

from msgspec import Struct

from shared.runtime.book import Book
from shared.runtime.decision import Decision, Route, Service, applied
from shared.runtime.memory import Memory
from shared.store.rows import Batch, StateChange, StateRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Word(Struct, frozen=True):
    text: str


def decide(state: object, event: object, known: object, now: datetime) -> Decision:
    return applied(Word("x"))


def service(*topics: str) -> Service:
    return Service("words", tuple(Route(topic, None, decide, "word") for topic in topics), {"word": Word})


def committed(memory: Memory, texts: Mapping[str, str], blocked: frozenset[str] = frozenset()) -> None:
    book = Book({"word": Word}, {key: StateRow(0, False, None, b"came", key in blocked) for key in texts})
    batch = Batch(states=[StateChange(key, 1, False, text.encode(), None) for key, text in texts.items()])
    for key, text in texts.items():
        book.put(key, Word(text))
    memory.learn(batch, book)


def recalled(memory: Memory, *keys: str) -> Book:
    book = Book({"word": Word}, {})
    memory.recall(keys, book)
    return book


def test_a_state_is_recalled_as_it_was_committed_with_the_record_it_came_from() -> None:
    memory = Memory(service("one"))
    committed(memory, {"word:a": "A"})
    book = recalled(memory, "word:a", "word:b")
    assert book.get("word:a") == Word("A")
    assert book.rows["word:a"] == StateRow(1, False, None, b"came", False)
    assert book.believed == {"word:a": 1}
    assert book.missing(["word:a", "word:b"]) == {"word:b"}


def test_keys_that_two_topics_change_are_not_remembered() -> None:
    memory = Memory(service("one", "two"))
    committed(memory, {"word:a": "A"})
    assert recalled(memory, "word:a").rows == {}


def test_a_stopped_key_is_not_remembered_and_forgotten_once_it_stops() -> None:
    memory = Memory(service("one"))
    committed(memory, {"word:a": "A"})
    committed(memory, {"word:a": "B"}, blocked=frozenset({"word:a"}))
    assert recalled(memory, "word:a").rows == {}


def test_the_oldest_are_forgotten_first_when_there_is_no_room() -> None:
    memory = Memory(service("one"), limit=3500)
    committed(memory, {f"word:{n}": "x" for n in range(4)})
    assert sorted(recalled(memory, *(f"word:{n}" for n in range(4))).rows) == ["word:1", "word:2", "word:3"]
    memory.forget()
    assert recalled(memory, "word:3").rows == {}
    assert memory.size == 0
