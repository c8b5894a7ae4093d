#!/bin/sh
# Claude Code, read from `claude --help` of 2.1.197. --bare takes the key from the variable alone, and no hook, plugin or
# CLAUDE.md of the machine's. With a subscription instead: take --bare and --env out, add --allow ~/.claude.
exec gigctl agent add claude --price-run 1 --timeout 20m --env ANTHROPIC_API_KEY -- \
    claude --print --bare --no-session-persistence --permission-mode acceptEdits --max-budget-usd 1
