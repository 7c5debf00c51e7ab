"""The projection's statements. Parameters are columns: one statement writes a whole batch."""

# The customer is called by its name as soon as master data has told it.
STATUS = """
insert into contract as c (contract_id, version, revision, stage, condition, stage_since, received_at, approved_at, ready_at, provisioned_at,
  active_at, closed_at, title, contract_type, parent_id, business_unit, region, customer, currency, amount, tenant,
  cause_code, cause_message, cause_fingerprint, records, search)
select a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, coalesce(known.customer, r), s, t, u, v, w, x, y::jsonb, concat_ws(' ', z, known.search)
from unnest($1::text[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[],
  $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::text[],
  $17::text[], $18::text[], $19::text[], $20::numeric[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[])
  as rows(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z)
left join engagement known on known.contract_id = a
on conflict (contract_id) do update set version = excluded.version, revision = excluded.revision, stage = excluded.stage,
  condition = excluded.condition, stage_since = excluded.stage_since, received_at = excluded.received_at, approved_at = excluded.approved_at,
  ready_at = excluded.ready_at, provisioned_at = excluded.provisioned_at, active_at = excluded.active_at, closed_at = excluded.closed_at,
  title = excluded.title, contract_type = excluded.contract_type, parent_id = excluded.parent_id, business_unit = excluded.business_unit,
  region = excluded.region, customer = excluded.customer, currency = excluded.currency, amount = excluded.amount, tenant = excluded.tenant,
  cause_code = excluded.cause_code, cause_message = excluded.cause_message, cause_fingerprint = excluded.cause_fingerprint,
  records = excluded.records, search = excluded.search
where c.version < excluded.version
returning contract_id
"""
CLEAR_WAITS = """
delete from open_wait w where contract_id = any($1::text[])
and not exists (select from unnest($2::text[], $3::text[]) kept(contract_id, wait_key)
  where kept.contract_id = w.contract_id and kept.wait_key = w.wait_key)
"""
WAIT = """
insert into open_wait (contract_id, wait_key, queue, reason, since, currency, amount)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::numeric[])
on conflict (contract_id, wait_key) do update set queue = excluded.queue, reason = excluded.reason, since = excluded.since,
  currency = excluded.currency, amount = excluded.amount
"""
# Of a record that failed again for another cause only the newest letter stands: its service has resolved those before it.
SETTLE_LETTERS = """
update letter l set standing = s.standing and l.at >= s.at
from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::timestamptz[], $6::bool[]) s(service, topic, part, "offset", at, standing)
where l.service = s.service and l.failed_topic = s.topic and l.failed_part = s.part and l.failed_offset = s."offset"
  and l.standing is distinct from (s.standing and l.at >= s.at)
"""
TRANSITION = """
insert into transition (topic, part, "offset", contract_id, at, service, revision, status, summary, step, waits,
  cause_code, cause_message, cause_fingerprint, call, goes_back_to)
select a, b, c, d, e, f, g, h, i, j, k::jsonb, l, m, n, o::jsonb, p::jsonb
from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::int[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[]) as rows(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
on conflict do nothing
"""
AGREEMENT = """
insert into agreement as a (contract_id, "offset", contract, lineage)
select i, o, c::jsonb, l::jsonb from unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) as rows(i, o, c, l)
on conflict (contract_id) do update set "offset" = excluded."offset", contract = excluded.contract, lineage = excluded.lineage
where a."offset" < excluded."offset"
"""
ENGAGEMENT = """
insert into engagement as e (contract_id, "offset", customer, legal_entity, engagement)
select i, o, c, l, b::jsonb from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) as rows(i, o, c, l, b)
on conflict (contract_id) do update set "offset" = excluded."offset", customer = excluded.customer, legal_entity = excluded.legal_entity,
  engagement = excluded.engagement
where e."offset" < excluded."offset"
"""
LETTER = """
insert into letter (topic, part, "offset", key, contract_id, service, failed_topic, failed_part, failed_offset, at,
  code, message, fingerprint, attempts, bytes)
select * from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::bigint[],
  $10::timestamptz[], $11::text[], $12::text[], $13::text[], $14::int[], $15::int[])
on conflict do nothing
"""
# A window only grows: a smaller count is an older one, or one counted again from less.
WINDOW = """
insert into kpi_window as w (window_start, window_end, business_unit, stage, contracts, value)
select a, b, c, d, e, f::jsonb from unnest($1::timestamptz[], $2::timestamptz[], $3::text[], $4::text[], $5::bigint[], $6::text[])
  as rows(a, b, c, d, e, f)
on conflict (window_start, window_end, business_unit, stage) do update set contracts = excluded.contracts, value = excluded.value
where w.contracts <= excluded.contracts
"""
# Once cleared, a breach stays cleared: the clock of a contract runs once.
BREACH = """
insert into sla_breach as b (contract_id, stage, business_unit, since, at, limit_s, currency, amount, cleared)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::text[], $8::numeric[], $9::bool[])
on conflict (contract_id) do update set stage = excluded.stage, business_unit = excluded.business_unit, since = excluded.since, at = excluded.at,
  limit_s = excluded.limit_s, currency = excluded.currency, amount = excluded.amount, cleared = excluded.cleared
where excluded.cleared >= b.cleared
"""
BEAT = """
insert into pulse as p (slot, beats, at) values (pg_backend_pid() % 16, 1, clock_timestamp())
on conflict (slot) do update set beats = p.beats + 1, at = excluded.at
"""
