"""TLS of the generator: it trusts one certificate, the stack's own."""

import ssl
from functools import cache


@cache
def trusting(certificate: str) -> ssl.SSLContext:
    """For https and wss; `certificate` is a PEM file, '' for the machine's own store."""
    context = ssl.create_default_context(cafile=certificate or None)
    # Python 3.13 asks of an authority what a self-signed certificate of openssl does not have.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
