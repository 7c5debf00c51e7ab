-- What a transaction publishes and what it decided lie in pages, a row for many lines: a row for each line was most of what a batch cost.
-- The views `outbox` and `journal` show the lines.

alter table outbox rename to outbox_line;
create table outbox_page (
    topic   text    not null,
    part    int     not null,
    first   bigint  not null,            -- sequence of the first line; the lines follow each other without a gap
    last    bigint  not null,
    target  text[]  not null,
    key     bytea[] not null,
    value   bytea[] not null,
    headers bytea[] not null,
    primary key (topic, part, last)
);
-- Gone in a moment: compressing it would cost more than writing it.
alter table outbox_page alter column value set storage external, alter column headers set storage external, alter column key set storage external;
insert into outbox_page
select topic, part, min(seq), max(seq), array_agg(target order by seq), array_agg(key order by seq), array_agg(value order by seq),
  array_agg(headers order by seq)
from (select *, row_number() over (partition by topic, part order by seq) / 500 as page from outbox_line) x group by topic, part, page;
drop table outbox_line;

create view outbox as
select p.topic, p.part, p.first + x.n - 1 as seq, x.target, x.key, x.value, x.headers
from outbox_page p cross join lateral unnest(p.target, p.key, p.value, p.headers) with ordinality x(target, key, value, headers, n);

alter table journal rename to journal_line;
create table journal_page (
    topic    text        not null,
    part     int         not null,
    epoch    int         not null,
    at       timestamptz not null,       -- the moment that the deciders were given
    xid      xid8        not null default pg_current_xact_id(),
    "offset" bigint[],                   -- a column without any value is null
    inbox    bigint[],
    kind     text[],                     -- of what came from the inbox: woken, answered
    nth      int[]       not null,       -- its place in the transaction
    key      text[],
    version  bigint[],
    outcome  text[]      not null,
    note     text[]      not null
);
insert into journal_page
select topic, part, epoch, at, xid, array_agg("offset" order by nth), array_agg(inbox order by nth), array_agg(kind order by nth),
  array_agg(nth order by nth), array_agg(key order by nth), array_agg(version order by nth), array_agg(outcome order by nth),
  array_agg(note order by nth)
from journal_line group by topic, part, epoch, at, xid;
drop table journal_line;
create index journal_page_at on journal_page using brin (at);

create view journal as
select p.topic, p.part, p.epoch, x."offset", x.inbox, x.kind, x.nth, x.key, x.version, x.outcome, x.note, p.at, p.xid
from journal_page p cross join lateral unnest(p."offset", p.inbox, p.kind, p.nth, p.key, p.version, p.outcome, p.note)
  x("offset", inbox, kind, nth, key, version, outcome, note);

-- A state is changed again and again: with room on its page the new version takes no new entry in the index.
alter table state set (fillfactor = 50);
