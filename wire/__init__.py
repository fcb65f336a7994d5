"""What processes must agree on (message, codecs, topology, tokens, brokers), and what all services share."""
