"""Decides nothing: one module for each command, loaded by :mod:`ultracart.cli` when it is run."""
