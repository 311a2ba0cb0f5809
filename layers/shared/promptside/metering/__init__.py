"""Counts what runs use against the limits of API keys, virtual keys and prompts: reserved before, settled after.

limits   what is stored, as limits with their windows of time
amounts  what a call may use at most, and what it has used
charge   holds places under limits for one call, and settles them
refusal  the errors and headers that say how much is left and when to come back

Only runs under a limit import this package.
"""
