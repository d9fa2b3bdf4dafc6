"""What ``python -m bot check`` does: try everything once and say what to mend. Read ``examine`` first."""

from bot.doctor.examine import examine
from bot.doctor.findings import Finding, Mark

__all__ = ["Finding", "Mark", "examine"]
