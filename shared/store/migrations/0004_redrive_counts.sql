-- What a look at a plan costs must not grow with the plan: what has ended well is counted on the plan's row, the rest is found by small indexes.

alter table redrive_plan
    add column runnable  int not null default 0,  -- items that the plan runs
    add column confirmed int not null default 0,
    add column waiting   int not null default 0;

update redrive_plan p set runnable = c.runnable, confirmed = c.confirmed, waiting = c.waiting
from (select plan, count(*) as runnable, count(*) filter (where status = 'confirmed') as confirmed,
        count(*) filter (where status = 'waiting') as waiting
      from redrive_item where verdict in ('apply', 'already applied', 'superseded') group by plan) c
where p.id = c.plan;

create index redrive_item_pending on redrive_item (plan, n)
    where status = 'pending' and verdict in ('apply', 'already applied', 'superseded');
create index redrive_item_begun on redrive_item (plan, status)
    where status in ('queued', 'decided', 'failed_same', 'failed_new', 'moved');
