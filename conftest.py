"""What every pytest run in the project's folder needs, that of nbval over chapters included."""

pytest_plugins = ["press.nbval_plugin"]
