"""The system under test: services of an insurance aggregator, with known costs."""
