"""The token stores; ``ultracart.oauth`` has their public names."""
