-- What stops a lane or a call that would go wrong, and how each says so.

alter table lane add topic_id text;                        -- Kafka's id of the topic that `next` counts in; null: claimed last by a version that kept none
alter table lane add marked int not null default 0;        -- epoch under which `suspect` was noted last: noting it again is no death

-- A call whose adapter failed, which is a bug of ours: how often in a row, how, and since when. Any answer of the target ends the row.
alter table effect add column faults int not null default 0;
alter table effect add column fault text;
alter table effect add column fault_since timestamptz;
