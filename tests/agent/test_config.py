"""Every setting comes from the strongest place that gives it, and is known to have come from there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config import PROJECT_KEYS, Settings, load_settings, parse_duration
from agent.errors import UsageError


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings from the machine the tests run on; the place of the user's file."""
    for name in list(os.environ):
        if name.startswith(("SWE_AGENT_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    place = tmp_path / "swe-agent" / "config.toml"
    place.parent.mkdir()
    return place


def refused(flags: dict[str, object] | None = None, project: str = "") -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(flags or {}, project)
    assert caught.value.exit_code == 2
    return caught.value.message


# ---------------------------------------------------------------- precedence and origins


def test_without_anything_the_defaults_of_the_contract_hold() -> None:
    found, origins, warnings = load_settings({})
    assert found == Settings()
    assert (found.sandbox, found.network, found.strategy, found.output) == ("auto", "setup", "auto", "patch")
    assert (found.max_steps, found.time_limit, found.max_tokens) == (100, None, None)
    assert set(origins) == set(Settings.model_fields) and set(origins.values()) == {"default"}
    assert warnings == []


def test_flag_before_environment_before_project_before_user_before_default(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.write_text("max_steps = 20\n")
    assert value(load_settings({})) == (20, f"user file ({user})")
    assert value(load_settings({}, "max_steps = 2")) == (2, "project file")
    monkeypatch.setenv("SWE_AGENT_MAX_STEPS", "3")
    assert value(load_settings({}, "max_steps = 2")) == (3, "environment")
    assert value(load_settings({"max_steps": 4}, "max_steps = 2")) == (4, "flag")


def value(loaded: tuple[Settings, dict[str, str], list[str]]) -> tuple[int, str]:
    return loaded[0].max_steps, loaded[1]["max_steps"]


def test_settings_of_several_places_are_put_together(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user.write_text('model = "m"\nbase_url = "http://u/v1"\n')
    monkeypatch.setenv("SWE_AGENT_API_KEY", "k")
    found, origins, _ = load_settings({"seed": 7, "context": None}, 'test = "make"')
    assert (found.model, found.base_url, found.api_key, found.seed, found.test, found.context) == (
        "m", "http://u/v1", "k", 7, "make", None
    )  # fmt: skip
    assert [origins[name] for name in ("api_key", "seed", "test", "context")] == [
        "environment", "flag", "project file", "default",
    ]  # fmt: skip


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWE_AGENT_MODEL", "")
    assert load_settings({})[1]["model"] == "default"


def test_our_own_variables_come_before_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://openai/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    found, origins, _ = load_settings({})
    assert (found.base_url, found.api_key) == ("http://openai/v1", "theirs")
    assert origins["base_url"] == "environment"
    monkeypatch.setenv("SWE_AGENT_BASE_URL", "http://own/v1")
    assert load_settings({})[0].base_url == "http://own/v1"


def test_text_from_the_environment_becomes_what_the_setting_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"CONTEXT": "8192", "TEMPERATURE": "0.5", "TIME_LIMIT": "1h30m", "PATCH_FILE": "a.diff"}.items():
        monkeypatch.setenv(f"SWE_AGENT_{name}", text)
    found = load_settings({})[0]
    assert (found.context, found.temperature, found.time_limit) == (8192, 0.5, 5400.0)
    assert found.patch_file == Path("a.diff")


def test_hosts_are_a_list_in_a_file_and_text_with_commas_in_the_environment(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user.write_text('allow_hosts = ["a.test", "*.b.test"]\n')
    assert load_settings({})[0].allow_hosts == ("a.test", "*.b.test")
    monkeypatch.setenv("SWE_AGENT_ALLOW_HOSTS", " a.test, c.test:8443 ")
    assert load_settings({})[0].allow_hosts == ("a.test", "c.test:8443")
    assert load_settings({"allow_hosts": ["d.test"]})[0].allow_hosts == ("d.test",)


def test_the_key_is_not_shown() -> None:
    assert "sk-secret" not in repr(load_settings({"api_key": "sk-secret"})[0])


# ---------------------------------------------------------------- the project's file


def test_a_repository_can_not_widen_what_the_agent_reaches() -> None:
    allowed = {"test", "setup", "strategy", "attempts", "max_steps", "time_limit", "max_tokens"}
    assert allowed == PROJECT_KEYS
    for name in sorted(set(Settings.model_fields) - allowed):
        found, origins, warnings = load_settings({}, f'{name} = "local"')
        assert found == Settings() and origins[name] == "default"
        assert warnings == [f".swe-agent.toml: {name} is not a setting a repository may make; ignored"]


def test_what_is_no_setting_at_all_is_ignored_there_with_a_warning() -> None:
    _, _, warnings = load_settings({}, "zzz = 1\naaa = 2\n[table]\nx = 1\n")
    assert [warning.split()[1] for warning in warnings] == ["aaa", "table", "zzz"]


def test_a_wrong_value_there_is_told_with_its_place() -> None:
    assert refused(project="max_steps = 0") == ("max-steps (project file): Input should be greater than or equal to 1")


@pytest.mark.parametrize(
    ("users", "projects", "found"),
    [
        ("max_steps = 5", "max_steps = 1000000000", ("max_steps", 5)),
        ("", "max_steps = 101", ("max_steps", 100)),
        ("", "max_steps = 99", ("max_steps", 99)),
        ("max_steps = 200", "max_steps = 150", ("max_steps", 150)),
        ("", "attempts = 64", ("attempts", None)),
        ("attempts = 3", "attempts = 64", ("attempts", 3)),
        ("attempts = 3", "attempts = 2", ("attempts", 2)),
        ('strategy = "guided"', "attempts = 8", ("attempts", 8)),
        ('strategy = "guided"', "attempts = 33", ("attempts", None)),
        ("", 'time_limit = "10h"', ("time_limit", 36_000.0)),
        ('time_limit = "10m"', 'time_limit = "10h"', ("time_limit", 600.0)),
        ('time_limit = "10h"', "time_limit = 60", ("time_limit", 60.0)),
        ("time_limit = 60", 'time_limit = "61"', ("time_limit", 60.0)),
        ("max_tokens = 10", "max_tokens = 11", ("max_tokens", 10)),
        ("", "max_tokens = 11", ("max_tokens", 11)),
    ],
)
def test_a_repository_may_lower_a_budget_and_never_raise_it(
    user: Path, users: str, projects: str, found: tuple[str, object]
) -> None:
    user.write_text(users)
    loaded, origins, warnings = load_settings({}, projects)
    name, expected = found
    assert getattr(loaded, name) == expected
    assert bool(warnings) is (origins[name] != "project file")
    assert all("may only lower it" in warning for warning in warnings)


@pytest.mark.parametrize(
    "text", ["max_steps = inf", 'max_steps = "1_000"', "max_steps = nan", 'max_steps = "1e9"', "attempts = true"]
)
def test_an_odd_budget_there_does_not_raise_it_either(user: Path, text: str) -> None:
    user.write_text("max_steps = 5\nattempts = 1\n")
    try:
        loaded = load_settings({}, text)[0]
    except UsageError:
        return
    assert (loaded.max_steps, loaded.attempts) == (5, 1)


def test_protected_paths_are_allowed_by_the_user_and_never_by_the_repository(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _, warnings = load_settings({}, 'allow_path = [".github"]\nallow_workflows = true')
    assert (found.allowed_paths, len(warnings)) == ([], 2)
    user.write_text('allow_path = ["AGENTS.md", "a,b"]\n')
    assert load_settings({})[0].allowed_paths == ["AGENTS.md", "a,b"]
    monkeypatch.setenv("SWE_AGENT_ALLOW_PATH", ".github/workflows, AGENTS.md,")
    assert load_settings({})[0].allowed_paths == [".github/workflows", "AGENTS.md"]
    assert load_settings({"allow_path": ["x"], "allow_workflows": True})[0].allowed_paths == ["x", ".github"]


# ---------------------------------------------------------------- what is refused


def test_unknown_settings_of_the_user_are_refused(user: Path) -> None:
    user.write_text("max_stepps = 5\n")
    assert "max-stepps" in refused()


@pytest.mark.parametrize("text", [b"model = ", b"model", b"\xff\xfe", b"max_steps = 1\nmax_steps = 2"])
def test_a_file_of_the_user_that_can_not_be_read_is_told_with_its_place(user: Path, text: bytes) -> None:
    user.write_bytes(text)
    assert str(user) in refused()


def test_a_project_file_that_is_no_toml_is_refused() -> None:
    assert ".swe-agent.toml is not valid TOML" in refused(project="test = make")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sandbox", "chroot"), ("network", "yes"), ("strategy", "best"), ("output", "email"), ("context", 100),
        ("context", "big"), ("attempts", 0), ("attempts", 65), ("max_steps", -1), ("max_tokens", 0), ("temperature", 3),
        ("temperature", -0.1), ("time_limit", "soon"), ("time_limit", 0), ("test_timeout", "0s"), ("seed", 1.5),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name_and_place(name: str, wrong: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused({name: wrong}).startswith(f"{name.replace('_', '-')} (flag): ")
    monkeypatch.setenv(f"SWE_AGENT_{name.upper()}", str(wrong))
    assert refused().startswith(f"{name.replace('_', '-')} (environment): ")


def test_a_setting_stays_as_it_is() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings({})[0].max_steps = 5


# ---------------------------------------------------------------- durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("1h30m", 5400), ("1h 30m 5s", 5405), ("0.5h", 1800),
        (" 2m ", 120), ("1.5", 1.5), ("1h5", 3605), (30, 30), (0.25, 0.25),
    ],
)  # fmt: skip
def test_durations_are_read(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", " ", "m", "-5", "1d", "5 minutes", "1m1h", "1:30", "1e3", "ten"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s, 15m or 1h30m"):
        parse_duration(text)


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(hours=st.integers(0, 99), minutes=st.integers(0, 99), seconds=st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds
