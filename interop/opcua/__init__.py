"""OPC UA: the client that binds physical twins, and the server that shows twins. The only package that imports asyncua."""
