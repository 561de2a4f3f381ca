"""Checks that all a session needs works on this machine; nothing here prints."""

from agent.doctor.examine import examine
from agent.doctor.report import Check, Report, State

__all__ = ["Check", "Report", "State", "examine"]
