"""`lab bench citus`: what sharding costs and saves on one machine."""
