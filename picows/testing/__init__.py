"""What tests of WebSocket programs need: connections in memory, and peers that obey the test.

`MemoryNetwork` and `memory_pair` connect real clients and servers of this library without sockets.
`raw_server`, `open_raw` and `open_upgraded` give a `Peer`, which sends exactly the bytes or frames
it is told to, right or wrong, and knows nothing of the library. `Recorder` is a listener that keeps
what it saw. `tls_contexts` makes certificates, and a `TlsPeer` sends TLS records as it is told.
`wire` makes and reads the bytes of frames and opening handshakes.

docs/testing.md shows how they are used, and the pytest fixtures made from them.
"""

from . import wire
from .memory import MemoryNetwork, MemoryServer, MemoryTransport, memory_pair
from .peers import Peer, RawServer, open_raw, open_upgraded, raw_server
from .recorder import Recorder
from .tls import TlsPeer, tls_contexts
from .wire import Frame

__all__ = [
    "Frame",
    "MemoryNetwork",
    "MemoryServer",
    "MemoryTransport",
    "Peer",
    "RawServer",
    "Recorder",
    "TlsPeer",
    "memory_pair",
    "open_raw",
    "open_upgraded",
    "raw_server",
    "tls_contexts",
    "wire",
]
