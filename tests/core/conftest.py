"""How the generated worlds are run: as long as they need, since a loaded machine breaks no law."""

from hypothesis import HealthCheck, settings

settings.register_profile("worlds", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("worlds")
