"""TLS sessions that later connections resume (RFC 8446, 2.2; RFC 5077)."""

from __future__ import annotations

import ssl
from collections.abc import Hashable
from typing import Final

#: How many servers, and how many connections to each, sessions are kept for.
SERVERS_MAX: Final = 256
SESSIONS_MAX: Final = 8


class Sessions:
    """The sessions of one process. Each is given out once: observers of the network can tell that
    two connections have the same ticket (RFC 8446, C.4).
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, list[ssl.SSLSession]] = {}

    def take(self, key: Hashable) -> ssl.SSLSession | None:
        """A session of a server, the newest, if there is one."""
        try:
            return self._kept[key].pop()
        except (KeyError, IndexError):
            return None

    def keep(self, key: Hashable, session: ssl.SSLSession | None) -> None:
        """Keep what a server gave, if it can be resumed. Of too many the oldest go."""
        if session is None or not session.id:  # TLS 1.3 without a ticket
            return
        sessions = self._kept.pop(key, [])
        sessions.append(session)
        del sessions[:-SESSIONS_MAX]
        self._kept[key] = sessions
        while len(self._kept) > SERVERS_MAX:
            self._kept.pop(next(iter(list(self._kept))), None)


sessions: Final = Sessions()
