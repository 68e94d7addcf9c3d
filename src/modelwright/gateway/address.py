"""The address that a server listens on."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence

from modelwright.core.messages import MachineError, Problem
from modelwright.gateway.config import ServeConfig, TlsConfig

_BACKLOG = 2048


def listen(config: ServeConfig, *, has_keys: bool) -> socket.socket:
    """Return a listening socket; raises MachineError, also for a public address where no key is required."""
    if not 0 <= config.port <= 65535:  # an option of the command line is not read by pydantic
        raise MachineError(_not_listening(config, OSError(errno.EINVAL, "")))
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        raise MachineError(Problem("machine.unknown-host", host=config.host)) from None
    addresses: Sequence[str] = [str(entry[4][0]) for entry in found]
    if not has_keys and not all(ipaddress.ip_address(a.partition("%")[0]).is_loopback for a in addresses):
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


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    """Return the address of a listening socket as a URL."""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def require_certificate(config: TlsConfig) -> None:
    """Raise MachineError for a certificate or a private key that cannot be read, or that do not belong together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.certificate, config.key, _no_password)
    except (OSError, ValueError) as error:  # of which ssl.SSLError is one
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        problem = Problem(
            "machine.certificate", certificate=config.certificate, key=config.key, error=str(reason)
        )
        raise MachineError(problem) from None


def _no_password() -> str:
    raise ValueError("the private key has a password")  # else OpenSSL would ask for it on the terminal


def _not_listening(config: ServeConfig, error: OSError) -> Problem:
    if error.errno == errno.EADDRINUSE:
        other = config.port % 65535 + 1
        return Problem("machine.port-in-use", port=config.port, host=config.host, other=other)
    reason = os.strerror(error.errno or 0)
    return Problem("machine.address-refused", host=config.host, port=config.port, error=reason)
