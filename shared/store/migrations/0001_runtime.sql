-- What every service keeps, in a schema of its own: the state of each key, and everything that a decision made follow from it.

-- A lane is one partition of one input topic. Its row is the fence: whoever moves `next` from what it was, under the current epoch, owns it.
create table lane (
    topic   text   not null,
    part    int    not null,
    next    bigint not null default 0,   -- offset of the next record to decide on
    head    bigint not null default 0,   -- outbox sequence given out last
    epoch   int    not null default 0,   -- grows with every claim
    claims  int    not null default 0,   -- claims since the last commit: many mean that something here kills its owner
    suspect bigint,                      -- offset about to be decoded, noted once that is suspected
    deaths  int    not null default 0,   -- how often it was noted without a commit behind it
    primary key (topic, part)
);

-- Names this database: a relay position written for another one must not be believed.
create table incarnation (
    only_row boolean primary key default true check (only_row),
    id       uuid not null default gen_random_uuid()
);
insert into incarnation default values;

create table state (
    key     text   primary key,
    version bigint not null,
    waiting boolean not null default false,
    body    bytea  not null,
    origin  bytea                        -- the record last decided on, kept by services that make calls
);

create table outbox (
    topic   text   not null,
    part    int    not null,
    seq     bigint not null,
    target  text   not null,
    key     bytea,
    value   bytea,
    headers bytea  not null,
    primary key (topic, part, seq)
);

-- What is to be decided on besides records: answers of calls, and keys that were supplied.
create table inbox (
    id    bigint generated always as identity primary key,
    topic text   not null,
    part  int    not null,
    key   text   not null,
    kind  text   not null,
    body  bytea  not null,
    trace text,
    due   timestamptz not null default now()
);
create index inbox_due on inbox (topic, part, due);

create table effect (
    id         uuid   primary key,
    topic      text   not null,
    part       int    not null,
    key        text   not null,
    step       text   not null,
    target     text   not null,
    content    bytea  not null,
    trace      text,
    status     text   not null default 'open' check (status in ('open', 'claimed', 'done', 'rejected')),
    doubtful   boolean not null default false,  -- may have been sent: look before sending again
    round      int    not null default 1,       -- the same intent again, after another one in between undid it
    attempts   int    not null default 0,
    claim      uuid,
    claimed_until timestamptz,
    due        timestamptz not null default now(),
    created    timestamptz not null default now(),
    ended      timestamptz
);
create index effect_due on effect (target, due) where status in ('open', 'claimed');
create index effect_key on effect (key);

create table attempt (
    id       bigint generated always as identity primary key,
    effect   uuid   not null,
    at       timestamptz not null default now(),
    ms       int    not null,
    outcome  text   not null,
    detail   text   not null,
    request  text   not null,
    request_body  text not null,
    status   int,
    response_body text not null,
    answer   bytea                       -- what the decider was told, when this attempt ended the call
);
create index attempt_effect on attempt (effect);

create table wait (
    key      text not null,
    wait_key text not null,
    queue    text not null,
    reason   text not null,
    amount   numeric,
    currency text,
    topic    text not null,
    part     int  not null,
    trace    text,
    since    timestamptz not null default now(),
    primary key (key, wait_key)
);
create index wait_by_key on wait (wait_key);

create table dead_letter (
    id         bigint generated always as identity primary key,
    topic      text   not null,
    part       int    not null,
    "offset"   bigint not null,
    key        text,
    record_key bytea,
    value      bytea,
    headers    bytea  not null,
    code       text   not null,
    message    text   not null,
    fingerprint text  not null,
    attempts   int    not null default 1,
    at         timestamptz not null default now(),
    original   bytea,                    -- the value as it came, once a person has edited it
    resolved   timestamptz,
    resolution text
);
create unique index dead_letter_once on dead_letter (topic, part, "offset", fingerprint) where resolved is null;
create index dead_letter_place on dead_letter (topic, part, "offset");
create index dead_letter_open on dead_letter (key) where resolved is null;

-- Records behind an unresolved dead letter of their key, or behind others held, in the order they came.
create table held (
    id         bigint generated always as identity,
    released   boolean not null default false,  -- on its way through the inbox
    topic      text   not null,
    part       int    not null,
    "offset"   bigint not null,
    key        text   not null,
    record_key bytea,
    value      bytea,
    headers    bytea  not null,
    at         timestamptz not null default now(),
    primary key (topic, part, "offset")
);
create index held_key on held (key);

-- One row an event: what it was, what became of it, under which transaction.
create table journal (
    topic    text   not null,
    part     int    not null,
    epoch    int    not null,
    "offset" bigint,
    inbox    bigint,
    kind     text,                       -- of what came from the inbox: woken, answered
    nth      int    not null,            -- its place in the transaction
    key      text,
    version  bigint,
    outcome  text   not null,
    note     text   not null,
    at       timestamptz not null,       -- the moment that the decider was given
    xid      xid8   not null default pg_current_xact_id()
);
create index journal_at on journal using brin (at);

-- Slots of each target's published concurrency, leased by the instances of this service.
create table permit (
    target text not null,
    slot   int  not null,
    holder uuid,
    until  timestamptz not null default '-infinity',
    primary key (target, slot)
);
