"""The network of a sandbox while it is open: the allow-list, and the proxy that holds to it.

patterns.py says which hosts are allowed, addresses.py which addresses, client_hello.py which name a TLS connection
asks for; proxy.py accepts connections and connection.py handles one; listener.py gets the proxy a port inside a
sandbox that has no network otherwise. docs/decisions/0024-network-allow-list.md says why it is built so.
"""
