"""The subcommands of ``wavenetlite``, one a module: `add` describes its options, `run` does it and returns the status.

`cli` imports a module when its command is named.
"""
