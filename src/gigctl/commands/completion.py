"""`gigctl completion`: the script that a shell sources."""

from __future__ import annotations

from typing import Annotated

import typer

from gigctl.commands.options import command, verb
from gigctl.errors import UsageError
from gigctl.render.output import Output

app = verb()
SHELLS = ("bash", "zsh", "fish")


@command(
    app,
    "completion",
    example='eval "$(gigctl completion bash)"\ngigctl completion fish > ~/.config/fish/completions/gigctl.fish',
)
def completion(shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="The shell.")], out: Output) -> None:
    """Print the script that completes gigctl's commands and options in a shell."""
    from typer._completion_shared import get_completion_script

    if shell not in SHELLS:
        raise UsageError(f"no completion for {shell}: one of {', '.join(SHELLS)}", "gigctl completion bash")
    script = get_completion_script(prog_name="gigctl", complete_var="_GIGCTL_COMPLETE", shell=shell)
    out.show("completion", {"shell": shell, "script": script}, script, [script])
