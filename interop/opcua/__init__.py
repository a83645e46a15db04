"""OPC UA: the client of physical twins and the server that shows twins. Only this package imports asyncua."""
