"""Completion scripts, made of the command line's own parser: so they cannot lag behind it."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SHELLS = ("bash", "fish", "zsh")

_BASH = """\
_homelab() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=
    local command=${{COMP_WORDS[1]}}
    if [ "$COMP_CWORD" -eq 1 ]; then
        words={commands}
    else
        case "$command $before" in
{values}        *)
            case "$command" in
{options}            esac
            ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ "$COMP_CWORD" -gt 1 ] && [ -z "${{current##[!-]*}}" ]; then
        COMPREPLY+=($(compgen -f -- "$current"))
    fi
}}
complete -o filenames -F _homelab homelab
"""


def script(shell: str, top: argparse.ArgumentParser) -> str:
    """Returns the script of a shell."""
    if shell == "fish":
        return "".join(line + "\n" for line in _fish(top))
    bash = _bash(top)
    return bash if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{bash}"


def _commands(top: argparse.ArgumentParser) -> dict[str, tuple[str, argparse.ArgumentParser]]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts = {choice.dest: choice.help or "" for choice in action._choices_actions}
            parsers: dict[str, argparse.ArgumentParser] = dict(action.choices)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            return {name: (texts[name], made) for name, made in parsers.items()}
    return {}


def _bash(top: argparse.ArgumentParser) -> str:
    commands = _commands(top)
    options: list[str] = []
    values: list[str] = []
    for name, (_, made) in commands.items():
        words: list[str] = []
        for action in made._actions:
            words += action.option_strings
            choices = [str(choice) for choice in action.choices or ()]
            if not action.option_strings:
                words += choices
            for option in action.option_strings:
                if choices:
                    values.append(
                        f"        {shlex.quote(f'{name} {option}')}) words={shlex.quote(' '.join(choices))} ;;\n"
                    )
        options.append(f"            {name}) words={shlex.quote(' '.join(words))} ;;\n")
    top_words = [*commands, *(option for action in top._actions for option in action.option_strings)]
    return _BASH.format(commands=shlex.quote(" ".join(top_words)), values="".join(values), options="".join(options))


def _fish(top: argparse.ArgumentParser) -> Iterator[str]:
    for name, (text, made) in _commands(top).items():
        yield f"complete -c homelab -n __fish_use_subcommand -f -a {name} -d {_quoted(text)}"
        for action in made._actions:
            choices = " ".join(str(choice) for choice in action.choices or ())
            words = [f"complete -c homelab -n '__fish_seen_subcommand_from {name}'"]
            for option in action.option_strings:
                words.append(f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}")
            if choices:
                words.append(f"-x -a {_quoted(choices)}")
            elif action.nargs != 0 and action.option_strings:
                words.append("-r")
            if action.option_strings or choices:
                yield " ".join([*words, f"-d {_quoted(action.help or '')}"])


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
