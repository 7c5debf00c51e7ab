"""The questions of the JSON API and the console, as SQL over the projection."""

NOT_IN_ERP = "c.approved_at is not null and c.provisioned_at is null and c.stage <> 'CLOSED'"
# One pass over an index holds every count and sum there is: by currency, stage and condition, of what got how far.
SUMS = f"""
select currency, stage, condition, count(*) as received, count(approved_at) as approved, count(ready_at) as ready,
  count(provisioned_at) as provisioned, count(active_at) as active, count(*) filter (where {NOT_IN_ERP}) as not_in_erp,
  sum(amount) as received_value, sum(amount) filter (where approved_at is not null) as approved_value,
  sum(amount) filter (where ready_at is not null) as ready_value, sum(amount) filter (where provisioned_at is not null) as provisioned_value,
  sum(amount) filter (where active_at is not null) as active_value
from contract c group by currency, stage, condition
"""  # noqa: S608  of constants
BEATS = "select coalesce(sum(beats), 0)::bigint as beats, max(at) as at from pulse"
PACE = "select percentile_cont(array[0.5, 0.99]) within group (order by active_at - received_at) from contract where active_at is not null"
LATE = "select count(*) from sla_breach where not cleared"
SPAN = "select greatest(min(received_at), now() - interval '24 hours') as since, greatest(now(), max(received_at)) as until from contract"
ARRIVALS = """
select date_bin($3::interval, {column}, $1::timestamptz) as begin, count(*) as n from contract where {column} between $1 and $2 group by 1
"""
WAITS = """
select wait_key as key, currency, min(queue) as queue, min(reason) as reason, count(*) as contracts, min(since) as since, sum(amount) as amount
from open_wait where $1::text is null or wait_key = $1 group by wait_key, currency order by min(since), wait_key
"""
WAITERS = """
select w.contract_id, w.since, w.currency, w.amount, c.title, c.customer, c.business_unit, c.stage
from open_wait w join contract c using (contract_id)
where w.wait_key = $1 and ($2::timestamptz is null or (w.since, w.contract_id) > ($2, $3)) order by w.since, w.contract_id limit $4
"""
CAUSES = """
select fingerprint, min(code) as code, (array_agg(message order by l.at desc))[1] as message, service, count(*) as letters,
  count(*) filter (where standing) as standing, count(distinct l.contract_id) as contracts, min(l.at) as first, max(l.at) as last
from letter l group by fingerprint, service order by max(l.at) desc, fingerprint, service limit 500
"""
CAUSE_VALUES = """
select d.fingerprint, d.service, c.currency, sum(c.amount) as amount
from (select distinct fingerprint, service, contract_id from letter where standing and contract_id is not null) d join contract c using (contract_id)
where c.currency is not null group by 1, 2, 3
"""
# Contracts stopped by a rejection that left no letter (or whose letter is still on its way) are counted by their own cause.
STOPPED = """
select cause_fingerprint as fingerprint, min(cause_message) as message, currency, count(*) as contracts, min(stage_since) as since,
  sum(amount) as amount
from contract where condition = 'DEAD_LETTERED' group by cause_fingerprint, currency
"""
LETTERS = """
select topic, part as partition, "offset", key, contract_id, service, failed_topic, failed_part as failed_partition, failed_offset, at,
  code, message, fingerprint, attempts, bytes, standing
from letter where ($1::text is null or fingerprint = $1) and ($2::text is null or contract_id = $2)
order by at desc, topic, part, "offset" desc limit $3
"""
LETTER = """
select topic, part as partition, "offset", key, contract_id, service, failed_topic, failed_part as failed_partition, failed_offset, at,
  code, message, fingerprint, attempts, bytes, standing
from letter where topic = $1 and part = $2 and "offset" = $3
"""
LINES = """
select c.contract_id, c.title, c.contract_type, c.customer, c.business_unit, c.region, c.tenant, c.revision,
  c.stage, c.condition, c.stage_since, c.received_at, c.amount, c.currency, c.cause_message,
  (select min(reason) from open_wait w where w.contract_id = c.contract_id) as waits_for
from contract c where {conditions} order by c.received_at desc, c.contract_id limit {limit}
"""
UNPROVISIONED = """
select c.contract_id, c.stage, c.condition, c.cause_message,
  (select string_agg(reason, '; ' order by wait_key) from open_wait w where w.contract_id = c.contract_id) as waits_for
from contract c where provisioned_at is null order by contract_id
"""
DURATION = """
select coalesce(extract(epoch from (select max(at) from transition) - (select min(received_at) from contract)), 0)::float8
"""
STORY = """
select at, service, revision, status, summary, step, waits, cause_code, cause_message, cause_fingerprint, call, goes_back_to,
  topic, part as partition, "offset" from transition where contract_id = $1
order by at, array_position(array['contract_events', 'master_data', 'erp_provisioning', 'psa_sync'], service), "offset" limit 1000
"""
FULL = """
select c.*, a.contract, a.lineage, e.engagement, exists (select from sla_breach b where b.contract_id = c.contract_id
  and not b.cleared) as late
from contract c left join agreement a using (contract_id) left join engagement e using (contract_id) where contract_id = $1
"""
OWN_WAITS = "select wait_key as key, queue, reason, since, currency, amount from open_wait where contract_id = $1 order by since, wait_key"
UNDER = "select contract_id from contract where parent_id = $1 order by contract_id limit 200"
UNITS = "select distinct business_unit from contract where business_unit is not null order by 1 limit 200"
QUEUES = "select distinct queue from open_wait order by 1 limit 200"
WINDOWS = """
select window_start, window_end, business_unit, stage, contracts, value from kpi_window
where ($1::text is null or business_unit = $1) order by window_start desc, business_unit,
  array_position(array['IN_APPROVAL', 'APPROVED', 'VALIDATED', 'IN_ERP', 'ACTIVE', 'CLOSED'], stage) limit $2
"""
BREACHES = """
select contract_id, stage, business_unit, since, limit_s, amount, currency, cleared from sla_breach
where ($1::text is null or business_unit = $1) order by cleared, since limit $2
"""
