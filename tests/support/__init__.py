"""Helpers of the tests: peers that write their bytes by hand, listeners, TLS, event loops."""
