"""The rules of the guided strategy that a measurement can leave out, one at a time.

For benchmarks alone (`python -m benchmarks.fixing.run --without RULE`): the variable is no setting, and people who fix
bugs want all of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from agent.errors import UsageError

VARIABLE = "SWE_AGENT_GUIDED_WITHOUT"
"""The environment variable that names the rules to leave out, with commas between them."""


@dataclass(frozen=True)
class GuidedRules:
    """Which rules hold; a field's name is the rule's name."""

    failing_tests: bool = True
    """Tests that fail before any change show the problem, if they have to do with the issue."""
    issue_code: bool = True
    """The code that the issue shows is run as it stands."""
    expected_values: bool = True
    """It is held against the values and errors that the issue expects, and not only run."""
    differences: bool = True
    """What it must not come to any more is taken from the issue, where nothing says what is right."""
    prose_calls: bool = True
    """Calls in the running text are run, where no block of code shows the problem."""
    model_script: bool = True
    """The model writes a script, where nothing of the issue shows the problem."""
    tracer: bool = True
    """Functions that the script runs are suspected more, those that it does not run less."""
    model_ranking: bool = True
    """The model is asked for the likeliest of many suspects."""
    line_ranges: bool = True
    """Of a long function some lines are rewritten in place of the whole."""
    mutations: bool = True
    """Mechanical changes are tried by the failing test, and the model picks among those that pass."""
    diagnosis: bool = True
    """There are rounds in which the model says first what is wrong."""
    failure_shown: bool = True
    """There is a round in which the model is shown how its last candidate failed."""
    doctests: bool = True
    """Candidates that pass are held against the examples in the documentation."""
    vote: bool = True
    """A large change that passes is compared with others before it is taken."""


def rules_from_environment() -> GuidedRules:
    """All rules but those that the variable names. Raises `UsageError` for a name that is none."""
    names = [name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()]
    known = [field.name for field in fields(GuidedRules)]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"{VARIABLE} names no rule: {', '.join(unknown)}; there are {', '.join(known)}")
    return GuidedRules(**dict.fromkeys(names, False))
