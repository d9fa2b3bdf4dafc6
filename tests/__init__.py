"""The tests; they mirror the code, and tests/e2e runs the whole bot against the sandbox."""
