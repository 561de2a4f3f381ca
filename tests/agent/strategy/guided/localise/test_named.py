"""What an issue calls by its name counts, the more the less it is a word like any other."""

from __future__ import annotations

from agent.strategy.guided.localise.named import Named

ISSUE = Named(
    "The config of save_all fails\n\nAn empty `__init__.py`, session and `load`, in plots/text.py of the reader."
)


def test_names_count_more_than_words() -> None:
    assert ISSUE.name("save_all") == 5.0  # in the title, too
    assert ISSUE.name("load") == 6.0
    assert 0 < ISSUE.name("session") < 1.0
    assert ISSUE.name("session") < ISSUE.name("config") < ISSUE.name("save_all")
    assert ISSUE.name("other") == 0.0


def test_the_name_of_a_file_is_no_function_s() -> None:
    assert ISSUE.name("__init__") == 0.0
    assert Named("`A.__init__` fails").name("__init__") == 6.0 + 2.0


def test_files_and_their_directories_count() -> None:
    assert ISSUE.path("plots/text.py") == 2.0
    assert ISSUE.path("plots/reader/text.py") == 4.0
    assert ISSUE.path("plots/other.py") == 0.0  # the name of the whole is no place in it
