"""Drafts beside the one that a task means, in one statement each, so that a long queue is asked twice and no more."""

from __future__ import annotations

from gigctl.ledger.store import Tx

# The list of states is word for word that of the index `task_waiting`, without which SQLite does not take it.
# `next_revision > 2` is in the task's row: most tasks have one revision, and are told by that alone.
_OTHERS = """
SELECT DISTINCT task.id FROM task JOIN revision r ON r.task = task.id AND r.id <> task.current
WHERE task.state IN ('review', 'failed', 'ready', 'blocked') AND task.state = 'review' AND task.next_revision > 2
  AND r.made_by = 'agent' AND r.rejected IS NULL AND r.assessed IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM revision_verdict rv JOIN verdict v USING (fingerprint)
    WHERE rv.revision = r.id AND rv.required AND v.outcome <> 'pass')
"""
_COME_BACK = """
SELECT task.id, max(old.number) FROM task JOIN revision r ON r.id = task.current
JOIN revision old ON old.task = task.id AND old.rejected IS NOT NULL AND old.sha256 = r.sha256 AND old.input = r.input
WHERE task.state IN ('review', 'failed', 'ready', 'blocked') AND task.state = 'review' AND task.next_revision > 2
  AND r.rejected IS NULL GROUP BY task.id
"""


def list_with_others(tx: Tx) -> set[int]:
    """Ids of the tasks in review that have a passing draft of an agent beside the current revision."""
    return {row[0] for row in tx.rows(_OTHERS)}


def list_come_back(tx: Tx) -> dict[int, int]:
    """Tasks in review whose current revision is, to the byte, one of the same input that was rejected: id → the
    rejected one's number."""
    return {row[0]: row[1] for row in tx.rows(_COME_BACK)}
