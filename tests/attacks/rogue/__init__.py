"""A second implementation of the protocol, for those who do not keep to it.  See ../README.md."""
