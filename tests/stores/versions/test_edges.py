"""The list of edges that versions have, and for each the case that holds it.

Cases of `tree` are held against `git add -A && git write-tree`, with the index, HEAD and all files
unchanged and `git fsck` clean.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = {
    "tree": HERE / "test_tree.py",
    "commits": HERE / "test_commits.py",
    "contents": HERE / "test_contents.py",
    "differing": HERE / "test_differing.py",
    "exporting": HERE / "test_exporting.py",
    "failures": HERE / "test_failures.py",
    "history": HERE / "test_history.py",
    "onbranch": HERE / "test_onbranch.py",
    "policy": HERE / "test_policy.py",
    "private": HERE / "test_private.py",
    "project": HERE / "test_project.py",
    "refs": HERE / "test_refs.py",
    "repositories": HERE / "test_repositories.py",
    "record": HERE.parents[1] / "cli/test_record.py",
    "sandbox": HERE.parents[1] / "orchestrate/test_sandbox.py",
}

EDGES = """
 1 modified, untracked and deleted files: tree changed
 2 before the first commit: tree no_commit_yet
 3 an empty repository: tree nothing_at_all
 4 empty folders: tree things_that_git_has_no_mode_for
 5 a detached HEAD: tree detached
 6 thirty ignore patterns: tree ignore_patterns
 7 nested ignore files and negation: tree nested_ignore_files
 8 no way back below an ignored folder: tree nothing_comes_back_below_an_ignored_folder
 9 all but a listed folder: tree only_what_is_listed_by_folder
10 all but one kind of file: tree only_what_is_listed_by_name
11 info/exclude: tree excludes_outside_of_the_tree
12 core.excludesFile: tree excludes_outside_of_the_tree
13 info/exclude outranks core.excludesFile: tree excludes_outside_of_the_tree
14 tracked although ignored: tree tracked_although_ignored
15 added although ignored, later: tree added_although_ignored
16 taken from the index, later: tree untracked_and_ignored_again
17 rules edited between runs: tree rules_edited_between_runs
18 an ignore file that is a link: tree ignore_file_is_a_link
19 an ignore file with a byte order mark: tree nested_ignore_files
20 an ignore file with CRLF: tree nested_ignore_files
21 malformed patterns: tree ignore_patterns
22 core.ignorecase: tree ignore_case
23 links to files, folders, nothing, elsewhere: tree links
24 executable bits: tree executable_bits
25 core.filemode off: tree executable_bits_off
26 names beyond ASCII, with quotes, line breaks, no UTF-8: tree names
27 the order of a/ a.b a-b a0: tree order_of_names
28 pipes and sockets: tree things_that_git_has_no_mode_for
29 a file for a folder for a link: tree kinds_swapped
30 empty files: tree empty_file
31 two hundred levels: tree deep
32 core.autocrlf true: tree automatic_line_ends
32 core.autocrlf input: tree line_ends_on_the_way_in_alone
33 text and eol attributes: tree line_ends
34 attributes in one folder alone: tree attributes_in_a_folder_alone
35 a filter of .gitattributes: tree filter_for_notebooks
36 a filter of info/attributes: tree filter_driver
37 ident: tree attributes_only_git_knows
38 working-tree-encoding: tree attributes_only_git_knows
39 core.attributesFile: tree attributes_of_the_user
40 large file storage: repositories test_large_file_storage
41 submodules, clean and moved: tree submodule
41 and changed: contents test_what_was_changed_in_a_submodule_is_a_version_of_its_own
42 a submodule that is not there: tree submodule
43 a repository inside: tree repository_inside
44 a repository inside without a commit: repositories test_a_nested_repository_without_a_commit_is_named
45 a folder with an empty .git: tree repository_inside
46 a work tree beside: tree work_tree_beside
46 and its repository: contents test_a_linked_work_tree_and_its_repository_share_the_branch
47 a work tree inside: tree work_tree_inside
48 intent to add: tree intent_to_add
49 index version 4: tree index_version_4
50 a split index: tree split_index
51 assume-unchanged, skip-worktree: contents test_files_hidden_from_git_are_saved_as_they_are
52 a sparse checkout: tree sparse_checkout_without_sparse_index
53 a sparse index: tree sparse_checkout
54 a merge with conflicts: tree conflict
55 the same size in the same tick: tree same_size_in_the_same_tick
56 forged times: tree forged_times
57 untracked and over 100 MB: policy test_large_files_are_left_out_and_named
58 tracked and large: contents test_large_files_are_streamed_to_the_same_object
59 a file that vanishes: repositories test_a_file_that_vanishes_while_it_is_saved_was_never_there
60 an unreadable file: failures test_what_cannot_be_read_keeps_its_staged_content
61 an unreadable folder: failures test_what_cannot_be_read_keeps_its_staged_content
62 eight at once: refs test_eight_runs_at_once_lose_nothing
63 the branch deleted, its commits cleared away: refs test_a_deleted_branch_starts_anew
64 garbage in what flor keeps: repositories test_whatever_lies_in_flors_own_corner_of_git_is_survived
65 on the shadow branch: onbranch test_head_advances_and_the_status_is_clean
66 on it, in a rebase: onbranch test_in_the_middle_of_a_rebase_of_it_the_branch_stays
67 the branch moved back: refs test_versions_that_a_rewound_branch_has_lost_are_kept
68 a stale lock: refs test_a_locked_branch_leaves_the_run_a_reference_of_its_own
69 a read-only repository: failures test_a_read_only_repository_saves_nothing
70 no user.name: commits test_without_a_name_flor_is_the_author
71 commit.gpgSign: commits test_the_author_is_the_users_unsigned_and_without_hooks
72 hooks: commits test_the_author_is_the_users_unsigned_and_without_hooks
73 merged and picked in any order: commits test_any_work_can_be_merged_and_picked_in_any_order
74 pushes: refs test_pushing_takes_the_users_branch_alone
75 environments that are not ignored: policy test_environments_caches_and_other_trackers_are_left_out
76 secrets: policy test_names_of_secrets_are_left_out
76 tracked ones: policy test_what_git_tracks_is_saved_whatever_it_is
77 too many untracked files: policy test_beyond_the_limits_code_is_kept_and_the_rest_named_by_folder
78 SHA-256: repositories test_sha256
79 reftable: repositories test_reftable
80 alternates: repositories test_objects_borrowed_from_another_repository
81 a partial clone: repositories test_a_clone_that_fetches_objects_when_they_are_asked_for
82 GIT_DIR, GIT_WORK_TREE: repositories test_variables_that_point_git_elsewhere_are_not_followed
82 core.worktree: repositories test_the_files_around_the_script_are_saved_wherever_git_has_its_work_tree
83 from a folder below: contents test_from_a_folder_below_the_whole_work_tree_is_saved
83 a script of another repository: record test_a_script_in_another_repository
84 a repository at $HOME: project test_a_repository_at_home_saves_nothing
85 no repository: private test_the_store_is_created_and_holds_the_chain
86 laid out twice: differing test_the_same_version_is_laid_out_once
87 laying out is interrupted: exporting test_interrupted_in_the_middle_nothing_is_left
88 names that lead out: exporting test_names_that_lead_out_of_the_folder_are_refused
88 links that lead out: exporting test_nothing_is_written_through_a_link
89 data beside the code: sandbox test_code_and_small_texts_are_copied_and_data_is_linked
90 a replay and the user's files: sandbox test_clearing_keeps_what_was_written_and_touches_nothing_of_the_users
"""


def rows() -> list[tuple[str, str]]:
    """(number and words, case) of each row."""
    lines = [line.strip().rpartition(": ") for line in EDGES.strip().splitlines()]
    return [(words, case) for words, _, case in lines]


def test_no_edge_is_missing():
    numbers = [int(words.partition(" ")[0]) for words, _ in rows()]

    assert sorted(set(numbers)) == list(range(1, 91))
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(("words", "case"), rows(), ids=[words for words, _ in rows()])
def test_an_edge_has_its_case(words, case):
    file, _, name = case.partition(" ")
    module = ast.parse(FILES[file].read_text(encoding="utf-8"))
    functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    tried = {
        node.id
        for statement in module.body
        if isinstance(statement, ast.Assign)
        for node in ast.walk(statement.value)
        if isinstance(node, ast.Name)
    }

    assert name in functions
    assert name.startswith("test_") or name in tried
