"""One leg of a call on real sockets."""
