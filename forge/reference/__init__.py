"""The reference catalog's artifacts: tiny models forged from integers, the same bytes on every machine."""
