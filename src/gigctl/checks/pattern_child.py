"""The child that searches users' patterns: started by `regex.py` as a file of its own, so it imports nothing of ours.

On stdin a JSON object {pattern, flags, texts}, on stdout a JSON list: for each text [start, end] or null.
"""

import json
import re
import sys
import warnings


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    flags = re.RegexFlag(0)
    for letter in asked["flags"]:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE, "a": re.ASCII}[letter]
    pattern = re.compile(asked["pattern"], flags)
    found = [pattern.search(text) for text in asked["texts"]]
    json.dump([match and match.span() for match in found], sys.stdout)


if __name__ == "__main__":
    main()
