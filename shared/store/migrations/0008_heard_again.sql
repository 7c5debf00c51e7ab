-- Answers and wake-ups of which nothing could be made are put off until their dead letter is resolved, and then found by their key.
create index inbox_put_off on inbox (key) where due = 'infinity';
