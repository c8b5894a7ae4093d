"""The machine: processes, sandbox, git, files, locks. Each has one door."""
