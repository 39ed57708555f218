"""The steps by which a corpus is made. Each is a number of tasks; each task writes one folder, whole or not at all."""
