"""The address that a server listens on."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Sequence

from modelwright.core.messages import MachineError, Problem
from modelwright.gateway.config import ServeConfig

_BACKLOG = 2048


def listen(config: ServeConfig, key: str | None) -> socket.socket:
    """Return a listening socket; raises MachineError, also for a public address without a key."""
    if not 0 <= config.port <= 65535:  # an option of the command line is not read by pydantic
        raise MachineError(_not_listening(config, OSError(errno.EINVAL, "")))
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise MachineError(Problem("machine.unknown-host", host=config.host)) from None
    addresses: Sequence[str] = [str(entry[4][0]) for entry in found]
    if key is None and not all(ipaddress.ip_address(a.partition("%")[0]).is_loopback for a in addresses):
        problem = Problem("machine.public-address", host=config.host, variable=config.keys.predict)
        raise MachineError(problem)
    family, address = found[0][0], found[0][4]
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and each answer waits 40 ms for the client's ACK.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise MachineError(_not_listening(config, error)) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _not_listening(config: ServeConfig, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        other = config.port % 65535 + 1
        return Problem("machine.port-in-use", port=config.port, host=config.host, other=other)
    reason = os.strerror(error.errno or 0)
    return Problem("machine.address-refused", host=config.host, port=config.port, error=reason)
