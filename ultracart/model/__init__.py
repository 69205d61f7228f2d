"""The model modules under the names of the official 4.x SDK; the classes live in ``models``."""
