-- Where every contract is, for people and for other systems to read. Everything here can be made again from the topics.

create table contract (
    contract_id    text primary key,
    version        bigint not null,               -- records folded in: a row with fewer never overwrites one with more
    revision       int not null,
    stage          text not null,
    condition      text not null,
    stage_since    timestamptz not null,
    received_at    timestamptz not null,
    approved_at    timestamptz,
    ready_at       timestamptz,
    provisioned_at timestamptz,
    active_at      timestamptz,
    closed_at      timestamptz,
    title          text,                          -- null, as what follows, while only a dead letter is known of it
    contract_type  text,
    parent_id      text,
    business_unit  text,
    region         text,
    customer       text,
    tenant         text,
    currency       text,
    amount         numeric(24, 4),
    cause_code     text,
    cause_message  text,
    cause_fingerprint text,
    records        jsonb not null,
    search         text not null                  -- what a reader may look for, in lower case
);
-- Sums over every contract are read from this index alone.
create index contract_sums on contract (stage, condition, currency)
    include (amount, received_at, approved_at, ready_at, provisioned_at, active_at);
create index contract_newest on contract (received_at desc, contract_id);
create index contract_stopped on contract (condition, received_at desc, contract_id) where condition <> 'FLOWING';
create index contract_unit on contract (business_unit, received_at desc, contract_id);
create index contract_parent on contract (parent_id) where parent_id is not null;
create index contract_unprovisioned on contract (contract_id) where provisioned_at is null;
create index contract_approved on contract (approved_at);
create index contract_ready on contract (ready_at);
create index contract_provisioned on contract (provisioned_at);
create index contract_active on contract (active_at);

create table transition (
    topic        text not null,
    part         int not null,
    "offset"     bigint not null,
    contract_id  text not null,
    at           timestamptz not null,
    service      text not null,
    revision     int not null,
    status       text not null,
    summary      text not null,
    step         text,
    waits        jsonb not null,
    cause_code   text,
    cause_message text,
    cause_fingerprint text,
    call         jsonb,
    goes_back_to jsonb,
    primary key (topic, part, "offset")
);
create index transition_story on transition (contract_id, at, service, part, "offset");
create index transition_last on transition (at);

create table agreement (
    contract_id text primary key,
    "offset"    bigint not null,
    contract    jsonb not null,
    lineage     jsonb not null
);

create table engagement (
    contract_id  text primary key,
    "offset"     bigint not null,
    customer     text not null,
    legal_entity text not null,
    engagement   jsonb not null,
    search       text generated always as (lower(customer)) stored
);

create table open_wait (
    contract_id text not null,
    wait_key    text not null,
    queue       text not null,
    reason      text not null,
    since       timestamptz not null,
    currency    text,
    amount      numeric(24, 4),
    primary key (contract_id, wait_key)
);
create index open_wait_key on open_wait (wait_key, since, contract_id) include (queue, currency, amount);
create index open_wait_queue on open_wait (queue) include (contract_id);

-- Dead letters without their payloads: those stay in the topic, where who may read them is decided.
create table letter (
    topic       text not null,
    part        int not null,
    "offset"    bigint not null,
    key         text not null,
    contract_id text,
    service     text not null,
    failed_topic text not null,
    failed_part int not null,
    failed_offset bigint not null,
    at          timestamptz not null,
    code        text not null,
    message     text not null,
    fingerprint text not null,
    attempts    int not null,
    bytes       int not null,
    standing    boolean not null default true,    -- false once its service went past it
    primary key (topic, part, "offset")
);
create index letter_cause on letter (fingerprint, at desc);
create index letter_contract on letter (contract_id) where contract_id is not null;
create index letter_standing on letter (at desc) where standing;

create table kpi_window (
    window_start  timestamptz not null,
    window_end    timestamptz not null,
    business_unit text not null,
    stage         text not null,
    contracts     bigint not null,
    value         jsonb not null,                 -- amount as text by currency
    primary key (window_start, window_end, business_unit, stage)
);
create index kpi_window_unit on kpi_window (business_unit, window_start desc);

create table sla_breach (
    contract_id   text primary key,
    stage         text not null,
    business_unit text not null,
    since         timestamptz not null,
    at            timestamptz not null,
    limit_s       bigint not null,
    currency      text not null,
    amount        numeric(24, 4) not null,
    cleared       boolean not null
);
create index sla_breach_open on sla_breach (since) where not cleared;

-- Beats with every change, so that a reader sees at once whether anything changed. Several slots, so that instances do not queue for one row.
create table pulse (
    slot  int primary key,
    beats bigint not null,
    at    timestamptz not null
);
