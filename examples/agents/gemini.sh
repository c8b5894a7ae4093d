#!/bin/sh
# Gemini CLI, read from `gemini --help` of 0.61.0. It speaks the Agent Client Protocol.
exec gigctl agent add gemini --kind acp --price-run 0.5 --timeout 20m --env GEMINI_API_KEY -- gemini --skip-trust --acp
