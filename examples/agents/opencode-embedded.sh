#!/bin/sh
# opencode 1.18.33 with the embedded model, and no network. opencode-embedded.json is its configuration: copy it to
# ~/.config/opencode/opencode.json. Its own prompt has 7,200 tokens: on two cores a turn takes minutes.
exec gigctl agent add boxed --kind acp --local --model local --timeout 60m --allow ~/.config/opencode -- opencode acp
