"""All of Viva on one machine: Redis and the four services as processes on loopback, started and stopped together."""
