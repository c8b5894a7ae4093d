-- Version 2. When what a task is asked by last changed: its brief, the craft's options or the source's language. What was
-- drafted before is not void by that, and is said to be older.

ALTER TABLE task ADD COLUMN reworded TEXT;
