#!/bin/sh
# Codex, read from `codex exec --help` of 0.171.0. Its own sandbox can't be made within gigctl's, which is the wall here.
# `codex login` keeps its login in ~/.codex, which must be there.
exec gigctl agent add codex --price-run 1 --timeout 20m --allow ~/.codex -- \
    codex exec --skip-git-repo-check --ephemeral --color never --sandbox danger-full-access -
