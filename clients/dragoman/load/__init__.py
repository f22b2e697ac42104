"""`dragoman load`: tests an endpoint with MLPerf LoadGen. Needs the extra `load`."""
