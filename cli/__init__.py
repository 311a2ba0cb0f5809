"""The command line: prompts as files, keys, secrets, import."""
