"""What the ledger teaches: queue, statistics; later examples, preferences, routing, forecast."""
