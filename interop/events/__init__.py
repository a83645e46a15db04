"""Events for others: CloudEvents of what changed, routed by filters to the endpoints that the user configured."""
