"""How applications are asked and reached: webhooks, signatures, sockets."""
