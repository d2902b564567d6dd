"""What a shell is told so that it completes: written into its files, and taken out."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import typer
from typer import completion as typers

from lakebt.cli.output import say

NAME, VARIABLE = "lakebt", "_LAKEBT_COMPLETE"

BASH = r"""
_lakebt_completion() {
    local IFS=$'\n' words=() n=0 word="" last="" before=""
    # Bash has "prices=bars" as three words.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ $n -gt 1 && ( $word == "=" || $last == "=" ) ]]; then
            words[n-1]+=$word
        else
            words[n]=$word n=$((n + 1))
        fi
        last=$word
    done
    word=${words[n-1]}
    [[ $word == *=* ]] && before=${word%=*}=
    COMPREPLY=( $( env COMP_WORDS="${words[*]}" \
                   COMP_CWORD=$((n - 1)) \
                   _LAKEBT_COMPLETE=complete_bash $1 ) )
    COMPREPLY=( "${COMPREPLY[@]#"$before"}" )
    # A file comes after it. Bash 3 cannot leave the blank out.
    [[ ${COMPREPLY[0]} == *= ]] && type compopt >/dev/null 2>&1 && compopt -o nospace
    return 0
}

complete -o default -F _lakebt_completion lakebt
"""

ZSH = r"""
#compdef lakebt

_lakebt_completion() {
  local told
  told="$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" \
          _LAKEBT_COMPLETE=complete_zsh lakebt)"
  if [[ $told == _files ]]; then
    compset -P '*='
    _files
  elif [[ $told == *'="'* ]]; then  # a file comes after it
    compadd() { builtin compadd -S '' "$@" }
    { eval "$told" } always { unfunction compadd }
  else
    eval "$told"
  fi
}

# Read at the first completion, it completes; read before, it says what will.
if [[ $funcstack[1] == _lakebt ]]; then
  _lakebt_completion "$@"
else
  compdef _lakebt_completion lakebt
fi
"""

SCRIPTS = {"bash": BASH.strip() + "\n", "zsh": ZSH.strip() + "\n"}

typers.get_completion_inspect_parameters()  # makes typer's answers to each shell known


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a shell's script is, and what reads it.

    Attributes
    ----------
    script : Path
    rc : Path or None
        What the shell reads when it starts; None if it finds the script by itself.
    line : str
        What stands in `rc`.
    enough : str
        What is enough in its place, by whomever it was written.
    """

    script: Path
    rc: Path | None = None
    line: str = ""
    enough: str = ""


def place_of(shell: str, *, home: Path) -> Place | None:
    """Return where a shell's completion is; None of one whose profile is unknown."""
    if shell == "bash":
        script = home / ".bash_completions" / f"{NAME}.sh"
        line = f"source {shlex.quote(str(script))}"
        return Place(script=script, rc=home / ".bashrc", line=line, enough=line)
    if shell == "zsh":
        enough = "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
        return Place(
            script=home / ".zfunc" / f"_{NAME}",
            rc=Path(os.environ.get("ZDOTDIR") or home) / ".zshrc",
            line=f"{enough}  # {NAME}",
            enough=enough,
        )
    if shell == "fish":
        return Place(script=home / ".config/fish/completions" / f"{NAME}.fish")
    return None


def install_completion(*, asked: bool) -> None:
    """Write what the shell needs that this was typed in.

    Raises
    ------
    typer.Exit
        Whether it could, or not.
    """
    if not asked:
        return
    shell = _shell()
    place = place_of(shell, home=Path.home())
    try:
        if place is None or place.rc is None:
            written: object = typers.install(shell, NAME, VARIABLE)[1]  # type: ignore[attr-defined]
        else:
            write(shell, place)
            written = place.script
    except OSError as error:
        _fail(f"{error.filename} cannot be written: {error.strerror}")
    typer.echo(f"{shell} completion installed in {written}")
    typer.echo("It begins in a new terminal; --remove-completion takes it out again.")
    raise typer.Exit


def remove_completion(*, asked: bool) -> None:
    """Take out what `install_completion` wrote for the shell this was typed in.

    Raises
    ------
    typer.Exit
        Whether it could, or not.
    """
    if not asked:
        return
    shell = _shell()
    place = place_of(shell, home=Path.home())
    if place is None:
        _fail(f"the profile of {shell} is yours: take lakebt's lines out of it by hand")
    was_there = place.script.exists()
    try:
        place.script.unlink(missing_ok=True)
        if place.rc is not None:
            was_there |= remove_line(place.rc, place.line)
    except OSError as error:
        _fail(f"{error.filename} cannot be changed: {error.strerror}")
    outcome = f"removed from {place.script}" if was_there else "was not installed"
    typer.echo(f"{shell} completion {outcome}")
    raise typer.Exit


def show_completion(*, asked: bool) -> None:
    """Print what the shell needs that this was typed in.

    Raises
    ------
    typer.Exit
        Always, if asked.
    """
    if not asked:
        return
    shell = _shell()
    script = SCRIPTS.get(shell) or typers.get_completion_script(  # type: ignore[attr-defined]
        prog_name=NAME, complete_var=VARIABLE, shell=shell
    )
    typer.echo(script.rstrip("\n"))
    raise typer.Exit


def write(shell: str, place: Place) -> None:
    """Write a script, and the line that reads it, unless something does already."""
    place.script.parent.mkdir(parents=True, exist_ok=True)
    place.script.write_text(SCRIPTS[shell], encoding="utf-8")
    if place.rc is None:
        return
    before = place.rc.read_bytes() if place.rc.exists() else b""
    if place.enough.encode() in before:
        return
    gap = b"" if not before or before.endswith(b"\n") else b"\n"
    place.rc.parent.mkdir(parents=True, exist_ok=True)
    place.rc.write_bytes(before + gap + place.line.encode() + b"\n")


def remove_line(rc: Path, line: str) -> bool:
    """Take a line out of a file; return whether it was there."""
    before = rc.read_bytes() if rc.exists() else b""
    lines = before.splitlines(keepends=True)
    kept = b"".join(each for each in lines if each.rstrip(b"\r\n") != line.encode())
    if kept == before:
        return False
    rc.write_bytes(kept)
    return True


def _shell() -> str:
    """Return the shell that this was typed in."""
    import shellingham  # type: ignore[import-untyped]

    try:
        name, _ = shellingham.detect_shell()
    except shellingham.ShellDetectionFailure:
        _fail("no shell was found that this was typed in: type it in a terminal")
    return str(name)


def _fail(said: str) -> NoReturn:
    say("error", said, colour="red")
    raise typer.Exit(1)
