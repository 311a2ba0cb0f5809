"""What the product adds to a call, measured against calling the upstream directly in the same run."""
