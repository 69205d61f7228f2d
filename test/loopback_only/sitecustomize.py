"""Python processes started by a test stay on this machine too."""

import loopback_only

loopback_only.install()
