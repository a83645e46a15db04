"""REST: the Azure Digital Twins data plane, the native ``/v1``, and the typed client of both."""
