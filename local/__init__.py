"""The whole product on a laptop: one command, no AWS account, no Docker, no API key."""
