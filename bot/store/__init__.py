"""Rows: the only place that knows a database. Others open a ``Store`` and speak in core types and ``records``."""
