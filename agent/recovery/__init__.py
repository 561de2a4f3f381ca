"""Noticing that a session is stuck, and replies that are no tool call.

The rules for when a session is stuck: repeated calls (stuck.py), steps without progress (progress.py, which says how to
add another), tests that go on failing (agent/strategy/agent/repeated_failures.py). A new rule is a class that is given
every call with its result by agent/strategy/agent/tool_calls.py, and answers with a stage: a nudge, the demand for
another approach, the end. Its messages to the model are templates `prompts/nudge_*.j2`; docs/recovery.md describes all.
"""
