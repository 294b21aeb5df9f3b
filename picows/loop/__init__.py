"""What clients and servers share: the state of an event loop, their common arguments."""
