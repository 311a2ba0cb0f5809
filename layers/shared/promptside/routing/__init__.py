"""Configs: which of several targets runs a prompt, how often it is tried, and what changes on the way."""
