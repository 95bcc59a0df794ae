"""The address of a serving engine: what the user typed, parsed and checked. Nothing is connected to here."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from engine.errors import InputError
from engine.plain_text import quoted

LONGEST: Final = 2000
"""Characters of an address."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
EXAMPLE: Final = "Give one such as http://localhost:8000."
ENDPOINTS: Final = ("/chat/completions", "/completions", "/models")
"""What may follow `/v1` in an address that was copied from somewhere, and is left out."""
HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII)
PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*", re.ASCII)
"""Path segments without escapes, so that no server reads them in another way than this program."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is. `host` is a lower-case name or a number without brackets; `prefix` stands before `/v1`."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a key is bound to, and what is shown."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_private(self) -> bool:
        """Whether nobody on the way can read what is sent: https, or a server on this machine."""
        return self.scheme == "https" or self.is_loopback

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine itself, by its name or its number; no name is looked up."""
        if self.host in ("localhost", "localhost."):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, path: str) -> str:
        """The URL of a path of the server, such as `/v1/models` or `/metrics`."""
        return f"{self.origin}{self.prefix}{path}"

    def __str__(self) -> str:
        return f"{self.origin}{self.prefix}"


def server_address(typed: str) -> ServerAddress:
    """The address that a user typed: an http or https URL with or without `/v1`, or host:port (http).

    Raises InputError, with a sentence that repeats no user name, password or query, for any other text.
    """
    text = typed.strip()
    if not text:
        raise InputError(f"The address of the server is empty. {EXAMPLE}")
    if len(text) > LONGEST:
        raise InputError(f"The address of the server has more than {LONGEST} characters.")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InputError(
            "The address of the server holds a space, a backslash or a character outside ASCII; "
            "write an international name in its xn-- form."
        )
    scheme, marked, rest = text.partition("://")
    if not marked:
        scheme, rest = "http", text
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise InputError(f"A server is reached by http or https, not by {quoted(scheme, 40)}. {EXAMPLE}")
    if "@" in rest.partition("/")[0]:
        raise InputError(
            "The address of the server holds a user name or a password; "
            "leave it out, and give a key in the environment variable DECODESCOPE_API_KEY."
        )
    if "?" in rest or "#" in rest:
        raise InputError(f"The address of the server must end before any ? or #. {EXAMPLE}")
    return ServerAddress(scheme, *_host_and_port(scheme, rest), _prefix("/" + rest.partition("/")[2]))


def _host_and_port(scheme: str, rest: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise InputError(
            f"The address of the server has a port or a bracket that cannot be read: {quoted(rest)}. {EXAMPLE}"
        ) from None
    if port == 0 or rest.partition("/")[0].endswith(":"):
        raise InputError(f"The port of the server must be from 1 to 65535. {EXAMPLE}")
    if not _is_host(host, bracketed=rest.startswith("[")):
        raise InputError(f"{quoted(host)} is no name and no number of a host. {EXAMPLE}")
    return host, port or DEFAULT_PORTS[scheme]


def _is_host(host: str, bracketed: bool) -> bool:
    if bracketed:
        try:
            return ipaddress.IPv6Address(host).scope_id is None
        except ValueError:
            return False
    if re.fullmatch(r"[0-9.]+|0x.*", host):  # else a name server or a C library may read 1.1 or 0x7f as a number
        try:
            return bool(ipaddress.IPv4Address(host))
        except ValueError:
            return False
    return len(host) <= 253 and HOST_NAME.fullmatch(host) is not None


def _prefix(path: str) -> str:
    """The path before `/v1`, without a slash at its end."""
    path = path.rstrip("/")
    for endpoint in ENDPOINTS:
        path = path.removesuffix("/v1" + endpoint)
    path = path.removesuffix("/v1").rstrip("/")
    if PATH.fullmatch(path) is None or any(part in (".", "..") for part in path.split("/")):
        raise InputError(f"The path in the server's address cannot be used: {quoted(path)}. {EXAMPLE}")
    return path
