#!/bin/sh
# aider, read from `aider --help` of 0.86.2. Any model that it knows: --model, and the variable with the key. Its histories
# go to /tmp, which is gone afterwards: in the repository they would be part of the draft.
exec gigctl agent add aider --price-run 0.5 --timeout 20m --env OPENAI_API_KEY --env OPENAI_API_BASE -- \
    aider --model openai/gpt-4.1 --yes-always --no-git --no-check-update --no-analytics --no-show-release-notes \
    --no-show-model-warnings --no-suggest-shell-commands --no-detect-urls --no-stream --no-pretty \
    --chat-history-file /tmp/aider.chat.md --input-history-file /tmp/aider.input --message-file {prompt}
