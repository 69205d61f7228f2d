"""The parts of the transport that need no HTTP library; ``ultracart.rest`` puts them together.

``settings`` (what a pool depends on), ``tls`` (whom to trust), ``message`` (what is sent),
``limits`` (time, attempts, size), ``framing`` (bytes off the wire), ``pools`` (what is shared),
``call`` (what is known of a call).
"""
