"""Several processes at one address: a supervisor, and workers that it starts and replaces."""
