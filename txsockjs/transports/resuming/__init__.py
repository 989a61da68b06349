"""Sessions that outlive the connections which carry them."""
