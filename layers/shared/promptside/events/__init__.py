"""Runs without a caller who waits: orders from SQS, EventBridge, S3, Step Functions and schedules."""
