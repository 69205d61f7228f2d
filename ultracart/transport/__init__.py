"""The transport below ``ultracart.rest``, which alone imports urllib3 and puts these together.

- ``call``: one call: headers, body, time, and what of it no message may show
- ``verbs``: ``GET``, ``POST`` and the others, as callers ask for them
- ``message``: what is sent: target, headers and body, each byte checked
- ``settings``: where to connect, by which proxy, and what a connection pool depends on
- ``tls``: host names, certificates, TLS contexts
- ``pools``: which clients share connections
- ``connection``: sockets within a call's time, and responses strictly read
- ``limits``: time, attempts, size
- ``fast_paths``: what is there for speed alone
"""
