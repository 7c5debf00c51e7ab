"""Lines of the outbox and of the journal, written as pages: a row for many lines."""

from collections.abc import Iterator, Sequence

from asyncpg.pool import PoolConnectionProxy

from shared.store.rows import JournalRow, Lane, OutboxRow, Place

LINES, BYTES = 1000, 8_000_000  # of one page at the most; a line may be a megabyte, and a row has its limit
TO_OUTBOX = """
insert into outbox_page (topic, part, first, last, target, key, value, headers, behind) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
TO_JOURNAL = """
insert into journal_page (topic, part, epoch, at, "offset", inbox, kind, nth, key, version, outcome, note)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


def place_text(place: Place) -> str:
    topic, part, seq = place
    return f"{topic}/{part}:{seq}"


def place_of(text: str) -> Place:
    topic, _, rest = text.rpartition("/")
    part, _, seq = rest.partition(":")
    return topic, int(part), int(seq)


async def write(db: PoolConnectionProxy, numbered: dict[Lane, list[OutboxRow]], journal: Sequence[JournalRow]) -> None:
    if numbered:
        await db.executemany(TO_OUTBOX, [_published(lane, page) for lane, rows in numbered.items() for page in _pages(rows)])
    if journal:
        await db.executemany(TO_JOURNAL, list(_decided(journal)))


def _pages(rows: Sequence[OutboxRow]) -> Iterator[Sequence[OutboxRow]]:
    first = size = 0
    for place, row in enumerate(rows):
        if place > first and (place - first == LINES or size + len(row.value or b"") > BYTES):
            yield rows[first:place]
            first, size = place, 0
        size += len(row.value or b"")
    yield rows[first:]


def _published(lane: Lane, page: Sequence[OutboxRow]) -> tuple[object, ...]:
    targets, keys = [r.target for r in page], [r.key for r in page]
    behind = [place_text(r.behind) if r.behind else None for r in page] if any(r.behind for r in page) else None
    return (*lane, page[0].seq, page[-1].seq, targets, keys, [r.value for r in page], [r.headers for r in page], behind)


def _decided(journal: Sequence[JournalRow]) -> Iterator[tuple[object, ...]]:
    """A page for each lane, claim and moment. A column of nothing is none at all: most records say nothing of the inbox."""
    lines: dict[tuple[object, ...], list[tuple[object, ...]]] = {}
    for nth, j in enumerate(journal):
        line = (j.offset, j.inbox, j.kind, nth, j.key, j.version, j.outcome, j.note)
        lines.setdefault((*j.lane, j.epoch, j.at), []).append(line)
    for page, of_page in lines.items():
        yield (*page, *(None if column.count(None) == len(column) else list(column) for column in zip(*of_page, strict=True)))
