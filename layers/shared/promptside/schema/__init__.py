"""The JSON this product speaks and the records it stores."""
