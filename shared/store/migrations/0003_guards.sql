-- What a lane is compared with before anything is taken from it, and whose mark it is that a record may be deadly.

alter table lane add topic_id text;                        -- Kafka's id of the topic that `next` counts in; null: claimed last by a version that kept none
alter table lane add marked int not null default 0;        -- epoch under which `suspect` was noted last: noting it again is no death
