"""The subcommands of ``wavenetlite``, one per module: `add` adds its options, `run` runs it and returns the status."""
