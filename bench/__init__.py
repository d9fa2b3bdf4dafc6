"""What the bot costs, in calls, processor time, memory and pace, measured against the simulators."""
