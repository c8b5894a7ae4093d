#!/bin/sh
# goose, as its documentation has it; it was not tried. Its provider and model come from ~/.config/goose.
exec gigctl agent add goose --price-run 0.5 --timeout 20m --allow ~/.config/goose -- goose run --no-session -i -
