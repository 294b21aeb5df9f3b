"""Connections that we take."""
