"""What may go wrong around a server and within it, brought about while it serves.

`harness.Faulty` is a server that can be made to fail while it serves, `footprint` what a server
holds in peace, `tests.integration.replicas` several behind one name. A file for each that fails:
`test_engine`, `test_memory`, `test_disk`, `test_clients`, `test_replicas`; bundles that are damaged
while they are reloaded are in `tests.integration.test_reloading`. `fuzz` and `test_any_message`
send what nobody would.
"""
