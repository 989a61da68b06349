"""The wire: bytes to values and back, without I/O."""
