"""Attempts at targets: one at a time (`once`), or as a config says (`routed`), again, in turn, or side by side."""
