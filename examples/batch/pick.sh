#!/usr/bin/env bash
# Pick what to sign from the queue: Tab marks a draft, Enter signs what is marked, after it was shown and counted.
#
#     pick.sh                     # everything that waits for you
#     pick.sh acme-3 --limit 50   # whatever `gigctl queue` takes
#
# Needs fzf (apt install fzf, brew install fzf). Its window shows the draft and what the checks said of it.
set -euo pipefail
if ! command -v fzf >/dev/null; then
    echo "$0 needs fzf: apt install fzf, or brew install fzf" >&2
    exit 2
fi
waiting=$(gigctl queue "$@")
[ -n "$waiting" ] || exit 0
picked=$(fzf --multi --reverse --preview 'gigctl show {1}' --preview-window down,wrap <<<"$waiting") ||
    exit 0 # nothing was picked
gigctl sign - <<<"$picked"
