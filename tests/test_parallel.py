"""In several processes, what runs the real model stays in one of them."""

from __future__ import annotations

import os

import pytest


@pytest.mark.usefixtures("real_model")
def test_the_real_model_is_run_in_one_process(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@real-model") == ("PYTEST_XDIST_WORKER" in os.environ)


def test_other_tests_go_where_there_is_room(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("::test_other_tests_go_where_there_is_room")
