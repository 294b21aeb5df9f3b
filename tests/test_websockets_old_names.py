"""Programs for the Cython library, 2.3.1, find what they import: picows.api, picows.common."""

from __future__ import annotations

import pickle

import pytest
import python_socks

import picows.api
import picows.common
import picows.websockets
from picows import WSProxyError

API = {
    *("WSHeadersLike", "WSListenerFactory", "WSLoggerLike", "WSServerListenerFactory"),
    *("WSSocketFactory", "ws_connect", "ws_create_server"),
}
COMMON = {
    *("PICOWS_DEBUG_LL", "WSBuffer", "WSError", "WSHandshakeError", "WSHeadersLike", "WSHost"),
    *("WSInvalidHeaderError", "WSInvalidMessageError", "WSInvalidStatusError"),
    *("WSInvalidUpgradeError", "WSPort", "WSProtocolError", "WSUpgradeRequest"),
    *("WSUpgradeResponse", "WSUpgradeResponseWithListener", "add_extra_headers"),
}
WEBSOCKETS = {
    *("BytesLike", "ClientConnection", "WebSocketClientProtocol", "CloseCode", "Data", "DataLike"),
    *("Server", "ServerHandshakeConnection", "ServerConnection", "ConcurrencyError"),
    *("ConnectionClosed", "ConnectionClosedError", "ConnectionClosedOK", "DuplicateParameter"),
    *("ExtensionName", "ExtensionParameter", "HeadersLike", "InvalidHandshake", "InvalidHeader"),
    *("InvalidHeaderFormat", "InvalidHeaderValue", "InvalidMessage", "InvalidOrigin"),
    *("InvalidParameterName", "InvalidParameterValue", "InvalidProxy", "InvalidProxyMessage"),
    *("InvalidProxyStatus", "InvalidState", "InvalidStatus", "InvalidUpgrade", "InvalidURI"),
    *("LoggerLike", "NegotiationError", "Origin", "PayloadTooBig", "ProtocolError", "ProxyError"),
    *("Request", "Response", "SecurityError", "State", "StatusLike", "Subprotocol"),
    *("WebSocketException", "basic_auth", "broadcast", "connect", "process_exception", "route"),
    "serve",
}


def test_names() -> None:
    assert set(picows.api.__all__) >= API
    assert set(picows.common.__all__) >= COMMON
    assert set(picows.websockets.__all__) >= WEBSOCKETS
    for module, names in (
        (picows.api, API),
        (picows.common, COMMON),
        (picows.websockets, WEBSOCKETS),
    ):
        assert all(hasattr(module, name) for name in names)


def test_a_proxy_error_is_one_of_python_socks() -> None:
    """The Cython library let those of python-socks through."""
    error = WSProxyError(description="refused", error_code=403)
    for copied in (error, WSProxyError("refused", 403), pickle.loads(pickle.dumps(error))):
        assert isinstance(copied, WSProxyError) and isinstance(copied, python_socks.ProxyError)
        assert (str(copied), copied.args, copied.error_code) == ("refused", ("refused",), 403)
        assert type(copied).__name__ == "WSProxyError"
    with pytest.raises(python_socks.ProxyError):
        raise error


def test_a_subclass_of_a_proxy_error() -> None:
    class Mine(WSProxyError):  # noqa: N818
        pass

    assert type(Mine("refused")) is Mine
