"""A mutant: where its edit stands, what it is called, and its patch."""

from tdi.mutants.mutant import Edit, Mutant

TEXT = "- name: A\n  notify: b # kept\n- name: C\n"


def mutant(text: str = TEXT, start: str = "  notify: b # kept\n", instead: str = "") -> Mutant:
    at = text.index(start)
    return Mutant("drop-notify", "roles/a/tasks/main.yml", Edit(at, at + len(start), instead, "it is gone"), text)


def test_it_says_the_lines_of_the_original_that_it_changes():
    assert (mutant().line, mutant().last_line) == (2, 2)
    assert (mutant(start=TEXT).line, mutant(start=TEXT).last_line) == (1, 3)


def test_its_name_stays_where_lines_come_before_it():
    assert mutant(f"# a comment\n{TEXT}").id == mutant().id
    assert mutant(instead="  notify: c\n").id != mutant().id


def test_its_patch_is_of_the_project():
    assert mutant().diff == (
        "--- a/roles/a/tasks/main.yml\n+++ b/roles/a/tasks/main.yml\n@@ -1,3 +1,2 @@\n"
        " - name: A\n-  notify: b # kept\n - name: C\n"
    )


def test_a_file_without_a_last_newline_gives_a_patch_that_says_so():
    assert mutant("a: b", "b", "c").diff.endswith(
        "-a: b\n\\ No newline at end of file\n+a: c\n\\ No newline at end of file\n"
    )
