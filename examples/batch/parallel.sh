#!/usr/bin/env bash
# Translate many small files, several at once, with GNU parallel and `gigctl do`.
#
#     AGENT=cheap JOBS=16 parallel.sh en translated notes/*.txt
#
# Needs GNU parallel (apt install parallel; the one of moreutils is another). Every process writes into the one ledger:
# an agent's limits and budgets hold for all of them together, and a text that was translated before costs nothing.
# What lands in the folder are drafts that nobody signed; jobs.tsv beside them has time and exit code of each.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: $0 LANGUAGE FOLDER FILE..." >&2
    exit 2
fi
export to=$1 out=$2 agent=${AGENT:-local}
shift 2
mkdir -p "$out"

# 1 is an answer: a draft that a check did not pass stays, to be looked at. Of any other error nothing does.
# shellcheck disable=SC1010,SC2317 # `do` is a command of gigctl, and it is parallel that calls this
translate() {
    local code=0 draft
    draft="$out/$(basename "$1")"
    gigctl do translation --to "$to" -a "$agent" -- "$1" >"$draft" || code=$?
    case $code in 0 | 1) ;; *) rm "$draft" ;; esac
    return "$code"
}
export -f translate
SHELL=$(command -v bash) # the shell that knows the function
export SHELL

failed=0
parallel --will-cite --jobs "${JOBS:-8}" --joblog "$out/jobs.tsv" translate ::: "$@" || failed=$?
awk -F '\t' 'NR > 1 { n[$7]++ } END { for (code in n) print n[code] " with exit code " code }' "$out/jobs.tsv" |
    sort --key 5n >&2
exit "$((failed > 0))"
