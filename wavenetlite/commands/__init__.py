"""The subcommands of ``wavenetlite``, one a module: `add` describes its options, `run` does it and returns the status.

They are imported to print a help text, so what takes long to import is imported in `run`.
"""
