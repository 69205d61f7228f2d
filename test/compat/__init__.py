"""How this package compares with the official ``ultracart-rest-sdk`` 3.11.67."""
