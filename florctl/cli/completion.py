"""`flor completion`: what a shell needs to complete the words behind `flor`."""

from __future__ import annotations

from typing import Annotated

import typer

_BASH = """\
_flor() {
    local IFS=$'\\n'
    COMPREPLY=($(flor _complete --line "${COMP_LINE:0:$COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null))
}
complete -o default -F _flor flor
"""
_ZSH = """\
#compdef flor
_flor() {
    local -a found
    found=("${(@f)$(flor _complete "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[*]}" ]]; then compadd -- "${(@)found:#}"; else _files; fi
}
compdef _flor flor
"""
_FISH = """\
function __flor_complete
    set -l found (flor _complete (commandline -cop)[2..-1] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c flor -f -a '(__flor_complete)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Which shell.")],
) -> None:
    """Print what has a shell complete commands, options, runs and logged names.

    bash: eval "$(flor completion bash)" in ~/.bashrc; zsh the same in ~/.zshrc,
    behind compinit; fish: flor completion fish | source in its config.fish.

    Example: eval "$(flor completion bash)"
    """
    from florlib.ground.errors import UsageError

    if shell not in _SCRIPTS:
        known = ", ".join(_SCRIPTS)
        raise UsageError(f"{shell} is none of {known}", hint="flor completion bash")
    typer.echo(_SCRIPTS[shell], nl=False)
