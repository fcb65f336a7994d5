"""What two processes must agree on: message, codecs, topology, tokens, settings, brokers. Nothing else."""
