#!/usr/bin/env bash
# Every night: a description for each product that is new or has changed since, never for more than the budget.
#
#     15 2 * * *  AGENT=cheap,local BUDGET=0.50 /home/you/shop/nightly.sh
#
# cron mails what this prints: nothing on a night on which nothing changed. Beside the catalogue lie brief.txt (yours),
# described.csv (the catalogue with a description, and what is to be said of it, in each row) and nightly.log (a line of
# JSON a second, for whoever watches). What was answered is in the ledger: stop this at any time, and run it again.
set -uo pipefail
export PATH="$HOME/.local/bin:$PATH" # cron's own has no pipx

cd "$(dirname "${1:-$0}")" || exit 3
catalogue=$(basename "${1:-products.csv}")
log=nightly.log
work=(
    gigctl batch "$catalogue" --craft writing -a "${AGENT:-local}" --max-cost "${BUDGET:-0.50}" --repair 2
    --brief @brief.txt --set length=120..160 --set 'required={keyword}' --set 'file={id}.txt' -o described.csv
    --ordered
)
[ -z "${LIMIT:-}" ] || work+=(--limit "$LIMIT")

# What is there to do? Reads all rows, and calls nobody.
code=0
forecast=$("${work[@]}" --dry-run) || code=$?
case $code in 0 | 1) ;; *) exit "$code" ;; esac
grep -Eq '[0-9] (new|changed|to be asked again|invalid)' <<<"$forecast" || exit 0

code=0
"${work[@]}" --progress json 2>"$log" || code=$?
last=$(grep '^{"progress"' "$log" | tail -n 1)
number() { sed -En "s/.*\"$1\": (\{\"amount\": \")?([0-9.]+).*/\2/p" <<<"$last"; }

echo "$forecast"
echo "$(number "done") rows in $(number seconds) s: $(number passed) passed, $(number needYou) need you," \
    "$(number failed) failed, $(number cost) USD"
case $code in
0) echo "All passed. They are drafts: nothing goes out that you did not sign." ;;
1) echo "Some did not pass their checks, or are no jobs: see status and reason in described.csv." ;;
5) echo "The budget is spent. The rest is for the next night." ;;
75) echo "Not all could be asked now. The next night goes on." ;;
*) echo "It ended with exit code $code." ;;
esac
grep -v '^{"progress"' "$log" # errors with their hints, and the command that comes next

# The next night goes on by itself from 1, 5 and 75; the others want somebody.
case $code in 0 | 1 | 5 | 75) ;; *) exit "$code" ;; esac
