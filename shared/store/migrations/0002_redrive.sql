-- Dead letters that are decided on again: what was planned, what became of it, and who asked for it.

-- A plan is what its items say; `hash` binds them and the versions of the states that they were judged by.
create table redrive_plan (
    id       bigint generated always as identity primary key,
    who      text   not null,
    why      text   not null,
    cause    text,                        -- fingerprint or code that was asked for; null: any
    key      text,                        -- state key that was asked for; null: any
    letters  bigint not null,             -- letters to judge
    last     bigint not null,             -- newest letter when the plan was begun: later ones are not part of it
    judged   bigint not null default 0,   -- letter judged last
    items    int    not null default 0,
    hash     text   not null default '',
    status   text   not null default 'judging' check (status in ('judging', 'ready', 'running', 'ended', 'stopped', 'refused')),
    said     text   not null default '',  -- why it was stopped or refused
    rung     int    not null default 0,
    applied_by text,
    created  timestamptz not null default now(),
    ended    timestamptz
);

create table redrive_item (
    plan     bigint not null references redrive_plan,
    n        int    not null,             -- in the order in which the letters came
    letter   bigint not null references dead_letter,
    topic    text   not null,
    part     int    not null,
    "offset" bigint not null,
    key      text,
    digest   bytea  not null,             -- SHA-256 of the value that was judged
    fingerprint text not null,            -- of the cause for which the letter stands
    verdict  text   not null,
    note     text   not null,
    schema   text   not null,
    emits    text   not null,             -- JSON, bound by the hash as it is written
    calls    text   not null,
    reads    text   not null,             -- version of each state that the judgement looked at
    amount   numeric,
    currency text,
    held     int    not null,             -- records that follow once the letter is resolved
    status   text   not null default 'pending'
        check (status in ('pending', 'queued', 'decided', 'confirmed', 'waiting', 'failed_same', 'failed_new', 'moved')),
    outcome  text,
    detail   text   not null default '',
    inbox    bigint,
    seq      bigint,                      -- the lane's outbox head behind it
    decided  timestamptz,
    ended    timestamptz,
    primary key (plan, n)
);
create index redrive_item_under_way on redrive_item (key) where status in ('queued', 'decided');
create unique index redrive_item_once on redrive_item (letter) where status = 'queued';

-- Who changed what, and why. Rows are only ever added.
create table audit (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    who    text   not null,
    why    text   not null,
    what   text   not null,
    plan   bigint,
    plan_hash text,
    letter bigint,
    topic  text,
    part   int,
    "offset" bigint,
    key    text,
    detail text   not null default ''
);
create index audit_letter on audit (letter);
