"""What is Vertex AI's own: addresses, and which format each model speaks there."""
