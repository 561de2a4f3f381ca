"""Reports that runners write are read as data of what is tested: names, failures, places; nothing that harms."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.verify.reports.cases import Case, TestReport, merged
from agent.verify.runners.go import read_go
from agent.verify.runners.jest import read_jest
from agent.verify.runners.registry import RUNNERS
from agent.verify.runners.rspec import read_rspec

ROOT = "/w/repo"


def suite(*cases: str) -> bytes:
    return f'<?xml version="1.0"?><testsuites><testsuite>{"".join(cases)}</testsuite></testsuites>'.encode()


def read_junit(data: bytes, name: str = "pytest") -> tuple[Case, ...] | None:
    (read,) = (runner.read_report for runner in RUNNERS if runner.name == name)
    assert read
    return read(data, ROOT)


def ids(data: bytes, runner: str = "pytest") -> list[tuple[str, str]]:
    cases = read_junit(data, runner)
    assert cases is not None
    return [(case.id, case.status) for case in cases]


def test_cases_of_pytest_have_the_names_that_it_takes_back() -> None:
    data = suite(
        '<testcase classname="tests.test_a" name="test_x[a::b]" file="tests/test_a.py" time="0.5"/>',
        '<testcase classname="tests.test_a.T.U" name="test_y" file="tests/test_a.py"><failure message="m">t</failure></testcase>',
        # inherited: the attribute names the file of the base class
        '<testcase classname="tests.test_b.TestB" name="test_z" file="tests/base.py"><skipped/></testcase>',
        '<testcase classname="" name="tests.test_c" file="tests/test_c.py"><error message="collection failure"/></testcase>',
    )
    assert ids(data) == [
        ("tests/test_a.py::test_x[a::b]", "passed"),
        ("tests/test_a.py::T::U::test_y", "failed"),
        ("tests/test_b.py::TestB::test_z", "skipped"),
        ("tests/test_c.py", "error"),
    ]


@pytest.mark.parametrize(
    ("runner", "classname", "name", "wanted"),
    [
        ("maven", "org.example.CalcTest", "adds", "org.example.CalcTest#adds"),
        ("gradle", "org.example.CalcTest", "adds()", "org.example.CalcTest.adds"),
        ("phpunit", "App.CalcTest", "testAdd", "App\\CalcTest::testAdd"),
        ("vitest", "src/calc.test.ts", "calc > adds", "src/calc.test.ts::calc adds"),
    ],
)
def test_cases_of_other_runners_have_theirs(runner: str, classname: str, name: str, wanted: str) -> None:
    written = name.replace(">", "&gt;")
    assert ids(suite(f'<testcase classname="{classname}" name="{written}"/>'), runner) == [(wanted, "passed")]


def test_a_test_whose_teardown_fails_too_is_one_failing_test() -> None:
    one = '<testcase classname="a" name="test_a" file="a.py">{}</testcase>'
    assert ids(suite(one.format(""), one.format('<error message="teardown"/>'))) == [("a.py::test_a", "error")]


def test_several_documents_one_after_another_are_read() -> None:
    data = suite('<testcase classname="A" name="a"/>') + b"\n" + suite('<testcase classname="B" name="b"/>')
    assert ids(data, "maven") == [("A#a", "passed"), ("B#b", "passed")]


BILLION = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase classname="a" name="&b;"/></testsuite>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>"""


@pytest.mark.parametrize(
    "data",
    [BILLION, OUTSIDE, suite("<a>" * 100 + "</a>" * 100), suite()[:40], b"\xff\xfe\x00", b"no xml", b"<a>&nope;</a>"],
)
def test_what_no_runner_writes_is_refused_whole(data: bytes) -> None:
    assert read_junit(data) is None


def test_a_failure_of_any_length_is_bounded() -> None:
    data = suite(
        f'<testcase classname="a" name="b"><failure message="{"m" * 10**6}">{"t" * 10**7}</failure></testcase>'
    )
    (case,) = read_junit(data) or ()
    assert len(case.message) < 3000 and len(case.text) < 9000


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(data=st.binary(max_size=300))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    for given_data in (data, suite() + data):
        read_junit(given_data)
        read_jest(given_data, ROOT)
        read_rspec(given_data, ROOT)
        read_go(given_data.decode("latin-1"), ROOT)


@pytest.mark.parametrize("loaded", [{"testResults": 1}, {"testResults": [1, {"assertionResults": [2, {}]}]}])
def test_json_of_another_shape_gives_no_passing_test(loaded: object) -> None:
    assert all(case.status != "passed" for case in read_jest(json.dumps(loaded).encode(), ROOT) or ())


def test_jest_is_read() -> None:
    data = {
        "testResults": [
            {
                "name": f"{ROOT}/src/calc.test.js",
                "status": "failed",
                "assertionResults": [
                    {
                        "fullName": "calc adds", "status": "failed", "duration": 1500,
                        "failureMessages": [f"Error: expected 5\n    at Object.f (file://{ROOT}/src/calc.test.js:5:3)"],
                    },
                    {"fullName": "calc subs", "status": "passed"},
                    {"fullName": "calc later", "status": "pending"},
                ],
            },
            {"name": f"{ROOT}/src/broken.test.js", "status": "failed", "message": "SyntaxError", "assertionResults": []},
        ]
    }  # fmt: skip
    cases = read_jest(json.dumps(data).encode(), ROOT)
    assert cases is not None
    assert [(case.id, case.status) for case in cases] == [
        ("src/calc.test.js::calc adds", "failed"),
        ("src/calc.test.js::calc subs", "passed"),
        ("src/calc.test.js::calc later", "skipped"),
        ("src/broken.test.js", "error"),
    ]
    assert cases[0].places == (("src/calc.test.js", 5),) and cases[0].seconds == 1.5
    assert cases[0].message == "Error: expected 5"


def test_rspec_is_read_with_the_deepest_place_last() -> None:
    example = {
        "full_description": "Calc adds", "status": "failed", "file_path": "./spec/calc_spec.rb", "run_time": 0.1,
        "exception": {
            "class": "NoMethodError", "message": "undefined", "backtrace": ["./lib/calc.rb:2:in 'add'", "./spec/calc_spec.rb:4"],
        },
    }  # fmt: skip
    cases = read_rspec(json.dumps({"examples": [example], "summary": {}}).encode(), ROOT)
    assert cases is not None
    assert cases[0].id == "spec/calc_spec.rb::Calc adds" and cases[0].message == "NoMethodError: undefined"
    assert cases[0].places == (("spec/calc_spec.rb", 4), ("lib/calc.rb", 2))


def test_go_is_read_and_shown_as_people_know_it() -> None:
    package = "example.com/calc/sum"
    events = [
        {"Action": "run", "Package": package, "Test": "TestAdd"},
        {"Action": "output", "Package": package, "Test": "TestAdd", "Output": "=== RUN   TestAdd\n"},
        {"Action": "output", "Package": package, "Test": "TestAdd", "Output": "    sum_test.go:7: got -1\n"},
        {"Action": "output", "Package": package, "Test": "TestAdd", "Output": "--- FAIL: TestAdd (0.00s)\n"},
        {"Action": "fail", "Package": package, "Test": "TestAdd", "Elapsed": 0.25},
        {"Action": "pass", "Package": package, "Test": "TestSub", "Elapsed": 0},
        {"Action": "output", "Package": package, "Output": f"FAIL\t{package}\t0.002s\n"},
        {"Action": "fail", "Package": package},
        {"Action": "output", "Package": "example.com/calc/broken", "Output": "broken/a.go:3:1: syntax error\n"},
        {"Action": "fail", "Package": "example.com/calc/broken"},
    ]
    cases, text = read_go("\n".join(map(json.dumps, events)) + "\nplain line\n", ROOT, "module example.com/calc\n")
    assert [(case.id, case.status) for case in cases] == [
        (f"{package}.TestAdd", "failed"),
        (f"{package}.TestSub", "passed"),
        ("example.com/calc/broken", "error"),
    ]
    assert cases[0].places == (("sum/sum_test.go", 7),) and "got -1" in cases[0].message
    assert text == (
        "    sum_test.go:7: got -1\n--- FAIL: TestAdd (0.00s)\n"
        f"FAIL\t{package}\t0.002s\nbroken/a.go:3:1: syntax error\nplain line\n"
    )


def test_a_skipped_test_is_no_passing_one() -> None:
    report = TestReport((Case("a", "skipped"), Case("b", "passed"), Case("c", "error")), complete=True)
    assert report.passing == {"b"} and report.failing == ("c",) and report.run == 2
    assert merged([Case("a", "passed"), Case("a", "failed")])[0].status == "failed"
