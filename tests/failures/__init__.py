"""Generated histories against a model: what a bot goes through in years of bad luck, played in a second each."""
