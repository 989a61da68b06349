"""Sessions that outlive the connections that carry them."""
