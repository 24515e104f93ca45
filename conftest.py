"""Loads the plugin that turns catalog claims into test items."""

pytest_plugins = ["verifier.pytest_plugin", "pytester"]
