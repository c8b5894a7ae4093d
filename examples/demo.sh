#!/usr/bin/env bash
# The main job on the embedded model, with nothing to type: a French contract in, a signed English delivery out; then a
# small code job, drafted, checked, signed and delivered as patches. `make demo` runs it.
#
# What a model answers differs from machine to machine, so this goes on by what happened: what its checks did not pass is
# written by the human (here: from the translation and the repaired file that lie beside the sources).
set -euo pipefail

cd "$(dirname "$0")/.."
examples=examples
demo=${1:-demo}
rm -rf "$demo"
mkdir -p "$demo/.gigctl"
books=$(cd "$demo/.gigctl" && pwd)

# Books and settings of the demo's own; the model is the one in your cache.
export GIGCTL_DATA_DIR="$books/data" GIGCTL_CONFIG_DIR="$books/config" GIGCTL_STATE_DIR="$books/state"
export PAGER=cat

# What stands behind a $ can be pasted into a shell that is here: words are quoted, and nothing is done unseen that a
# later one needs, but the making of the repository. Looking ahead (which blocks want the human?) is kept quiet.
bold() { if [ -t 1 ]; then printf '\n\033[1m$ %s\033[0m\n' "$1"; else printf '\n$ %s\n' "$1"; fi; }
quoted() {
    local word out=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        out+="${out:+ }$word"
    done
    printf '%s' "$out"
}
show() { bold "$(quoted "$@")"; "$@"; }
# What is no success is an answer too: 1 a required check did not pass, 4 no agent could do it, 7 only you can go on.
answer() {
    bold "$(quoted "$@")"
    "$@" || case $? in 1 | 4 | 7) ;; *) exit 1 ;; esac
}
asked() { gigctl queue "$@" 2>/dev/null; }

place=$books
[ "${books#"$PWD"/}" = "$books" ] || place="\$PWD/${books#"$PWD"/}"
[ "$(command -v gigctl)" != "$PWD/.venv/bin/gigctl" ] || bold 'export PATH="$PWD/.venv/bin:$PATH"'
bold "export GIGCTL_DATA_DIR=\"$place/data\" GIGCTL_CONFIG_DIR=\"$place/config\" GIGCTL_STATE_DIR=\"$place/state\""

# --- a contract, from French into English ---

show gigctl client add acme --name "Atelier Brise" --currency EUR --policy local-only --glossary "$examples/contract/glossary.csv"
show gigctl gig add -c acme "$examples/contract/GIG.toml"
answer gigctl run acme-1
answer gigctl queue acme-1 --limit 5

# The human edits: the title, always; and each block whose checks did not pass.
for ref in acme-1.1 $(asked acme-1 | awk '/check |no agent/ && $1 != "acme-1.1" {print $1}'); do
    show gigctl show "$ref"
    bold "awk -v RS= 'NR == ${ref#acme-1.}' $examples/contract/contract.en.md | gigctl edit $ref --from -"
    awk -v RS= "NR == ${ref#acme-1.}" "$examples/contract/contract.en.md" | gigctl edit "$ref" --from - ||
        [ $? = 2 ] # the model had written just that
done
answer gigctl diff acme-1.1
show gigctl sign acme-1 --expect "$(asked acme-1 --quiet | wc -l)"
show gigctl deliver acme-1 -o "$demo/contract" --ai-statement
show gigctl verify "$demo/contract"

# --- a bug in a small program ---

if ! gigctl doctor --json | grep -q '"name": "sandbox", "status": "ok"'; then
    echo
    echo "The code job runs what a model wrote, and wants a sandbox for that: apt install bubblewrap, then make demo again."
    exit 0
fi

repository="$demo/.gigctl/repository"
mkdir -p "$repository"
cp "$examples"/code/repo/* "$repository"
git -C "$repository" init --quiet
git -C "$repository" add --all
git -C "$repository" -c user.name=acme -c user.email=acme@example.com commit --quiet --message "Date the invoices"

show gigctl gig add -c acme "$examples/code/GIG.toml" --repo "$repository"
answer gigctl run acme-2
show gigctl show acme-2.1 --history
if asked acme-2 | grep -q 'check \|no agent'; then
    show cp -R "$repository" "$demo/.gigctl/repaired"
    show cp "$examples/code/repaired/invoices.py" "$demo/.gigctl/repaired"
    show gigctl edit acme-2.1 --from "$demo/.gigctl/repaired"
fi
answer gigctl diff acme-2.1
show gigctl sign acme-2 --expect 1
show gigctl deliver acme-2 -o "$demo/code" --as patches --ai-statement
show gigctl verify "$demo/code"

bold "find $(quoted "$demo/contract" "$demo/code") -type f | sort"
find "$demo/contract" "$demo/code" -type f | sort
