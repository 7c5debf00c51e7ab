-- Where several topics change the same keys, what is published of a key goes out through several lanes, each with a relay of its own. A line then names
-- the line of another lane that has to be out before it.
alter table state add column told text;             -- TOPIC/PARTITION:SEQUENCE of the line that told of it last
alter table outbox_page add column behind text[];   -- null where no line of the page waits for another

alter table outbox_page add column upto bigint;     -- how far a page is out of which a part is
-- Which row of the inbox an answer became: two answers of one key may be decided on in another order than they were written in.
alter table attempt add column inbox bigint;
