"""Prompt management: one file of use cases for each thing that is managed, over the stores."""
