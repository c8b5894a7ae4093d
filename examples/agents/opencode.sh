#!/bin/sh
# opencode 1.18.33 by the Agent Client Protocol. ~/.config/opencode/opencode.json names its provider and model; keys that
# `opencode auth login` keeps are in ~/.local/share/opencode, to be allowed too.
exec gigctl agent add opencode --kind acp --price-run 0.5 --timeout 20m --allow ~/.config/opencode -- opencode acp
