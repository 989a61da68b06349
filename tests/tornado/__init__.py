"""Tests of `txsockjs.tornado`."""
