"""The transport below ``ultracart.rest``, which alone imports urllib3 and puts these together.

- ``call``: one call: headers, body, time, secrets
- ``verbs``: ``GET``, ``POST`` and the others, as callers ask for them
- ``message``: what is sent: target, headers and body, each byte checked
- ``settings``: origin, proxy, and all other settings that a connection pool depends on
- ``tls``: host names, certificates, TLS contexts
- ``pools``: which clients share connections
- ``connection``: sockets with a deadline, strict reading of responses
- ``limits``: time, attempts, size
- ``fast_paths``: code that serves speed alone
"""
