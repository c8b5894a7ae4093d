"""Git, spoken here alone. The store is ours; a client's repository is hostile, and only resolved and fetched from.

>>> store = Store.open(folder)                      # doctest: +SKIP
>>> base = add_base(store, repository, "HEAD")      # doctest: +SKIP
>>> check_out(store, store.tree_of(content), copy)  # doctest: +SKIP
"""

from __future__ import annotations

from gigctl.system.git.bases import Base, add_base
from gigctl.system.git.branch import add_branch, check_branch_name
from gigctl.system.git.difference import diff_trees
from gigctl.system.git.folder import Collected, LeftOut, add_folder, check_out, collect_folder
from gigctl.system.git.merge import Merged, merge_trees
from gigctl.system.git.patches import Patch, PatchError, Step, commit_steps, make_patches, verify_patches
from gigctl.system.git.person import Person, find_person, own_address, signs_off
from gigctl.system.git.process import GitError
from gigctl.system.git.store import Commit, Entry, Store

__all__ = [
    "Base",
    "Collected",
    "Commit",
    "Entry",
    "GitError",
    "LeftOut",
    "Merged",
    "Patch",
    "PatchError",
    "Person",
    "Step",
    "Store",
    "add_base",
    "add_branch",
    "add_folder",
    "check_branch_name",
    "check_out",
    "collect_folder",
    "commit_steps",
    "diff_trees",
    "find_person",
    "make_patches",
    "merge_trees",
    "own_address",
    "signs_off",
    "verify_patches",
]
