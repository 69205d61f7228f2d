"""The commands of ``ultracart``: one module each, loaded when it is run."""
