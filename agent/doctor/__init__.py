"""Whether all that a session needs is there and works, measured; nothing here prints."""

from agent.doctor.examine import examine
from agent.doctor.report import Check, Report, State

__all__ = ["Check", "Report", "State", "examine"]
