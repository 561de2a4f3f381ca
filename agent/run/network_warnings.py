"""Tells the user what commands reach by the network, and which hosts they asked for that are not allowed."""

from __future__ import annotations

from agent.session.events import Warned
from agent.session.session import Session
from agent.task import Task
from sandbox import Sandbox
from sandbox.network.relay import find_relay

_SHARED = (
    "while the network is open, commands share this machine's, with the services on its loopback: install passt or "
    "slirp4netns for a network of the sandbox's own, or name the hosts that are needed with --allow-host"
)
_MAX_SHOWN = 10


def tell_shared_network(task: Task, session: Session, sandbox: Sandbox) -> None:
    """Journal a warning where an open network is the host's own."""
    if task.settings.network == "none" or task.allowed_hosts is not None or sandbox.kind != "bubblewrap":
        return
    if not find_relay():
        session.emit(Warned(message=_SHARED))


def tell_refused_hosts(task: Task, session: Session) -> list[str]:
    """Journal a warning of what the proxy refused since the last call; the hosts that a pattern would allow."""
    refusals = task.allowed_hosts.take_refusals() if task.allowed_hosts is not None else []
    hosts = list(dict.fromkeys(each.host for each in refusals if each.host))
    if hosts:
        options = " ".join(f"--allow-host {host}" for host in hosts[:_MAX_SHOWN])
        more = f" and {len(hosts) - _MAX_SHOWN} more" if len(hosts) > _MAX_SHOWN else ""
        session.emit(Warned(message=f"commands asked for hosts that are not allowed: {options}{more} would allow them"))
    others = list(dict.fromkeys(f"{each.target}: {each.reason}" for each in refusals if not each.host))
    if others:
        shown = "; ".join(others[:_MAX_SHOWN])
        session.emit(Warned(message=f"the filtering proxy refused other requests: {shown}"))
    return hosts
