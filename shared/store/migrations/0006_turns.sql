-- Live calls come before those that follow from what is decided on again, which wait for half a minute's worth of them and then have their turn.
alter table effect add column behind boolean not null default false;
alter table effect add column turn timestamptz not null default now();  -- `due`, or later for a call that gives way
drop index effect_due;
create index effect_turn on effect (target, turn, due) where status in ('open', 'claimed');
