"""HTTP: requests and answers, whatever brings them."""
