"""The parts of the transport that need no HTTP library; ``ultracart.rest`` puts them together.

``settings`` (what a pool depends on), ``deadline`` (time), ``framing`` (bytes off the wire),
``body`` (size and decompression), ``retry`` (what may be repeated), ``pools`` (what is shared).
"""
