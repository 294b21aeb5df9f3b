"""Messages instead of frames: connect, serve, and the connections that they give."""
