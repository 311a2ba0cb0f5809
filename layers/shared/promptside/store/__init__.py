"""Prompts, API keys and secrets in DynamoDB and SSM Parameter Store."""
