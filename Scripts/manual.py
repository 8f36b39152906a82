"""Makes a manual page (mdoc) of the help that a command of swift-argument-parser prints as JSON."""

import json
import sys


def text(words: str) -> str:
    """Returns words as a paragraph in which nothing is taken for a request."""
    lines = []
    for line in words.replace("\\", "\\e").splitlines():
        lines.append("\\&" + line if line[:1] in (".", "'") else line)
    return "\n".join(lines)


def spelling(name: dict) -> str:
    return {"long": "--", "short": "-", "longWithSingleDash": "-"}[name["kind"]] + name["name"]


def item(argument: dict) -> list[str]:
    """Returns the lines of one argument, option or flag."""
    value = argument.get("valueName", "").replace("<", "").replace(">", "")
    names = [spelling(name) for name in argument.get("names", [])]
    if argument["kind"] == "positional":
        head = f".It Ar {value}"
    else:
        head = ".It Fl " + " , Fl ".join(name[1:].replace("-", "\\-", 1) if name.startswith("--") else name[1:] for name in names)
        if argument["kind"] == "option":
            head += f" Ar {value}"
    lines = [head, text(argument.get("abstract", ""))]
    if argument.get("defaultValue"):
        lines.append(f"Default: {text(argument['defaultValue'])}.")
    return lines


def shown(command: dict) -> list[dict]:
    hidden = {"help", "version"}
    return [
        each for each in command.get("arguments", [])
        if each.get("shouldDisplay", True) and not {name["name"] for name in each.get("names", [])} & hidden
    ]


def section(command: dict, path: str) -> list[str]:
    lines = [f".Ss {path}", text(command.get("abstract", ""))]
    if command.get("discussion"):
        lines += [".Pp", text(command["discussion"])]
    if arguments := shown(command):
        lines += [".Bl -tag -width Ds", *(line for each in arguments for line in item(each)), ".El"]
    for each in command.get("subcommands", []):
        if each["commandName"] != "help":
            lines += section(each, f"{path} {each['commandName']}")
    return lines


def main() -> None:
    command = json.load(sys.stdin)["command"]
    name = command["commandName"]
    lines = [
        '.\\" Made by Scripts/manual.', ".Dd $Mdocdate$", f".Dt {name.upper()} 1", ".Os", ".Sh NAME", f".Nm {name}",
        f".Nd {text(command['abstract']).rstrip('.')}", ".Sh SYNOPSIS", f".Nm {name}", ".Ar command", ".Op Ar options",
        ".Sh DESCRIPTION", text(command.get("discussion", "")).replace("\n\n", "\n.Pp\n"), ".Sh COMMANDS",
    ]
    for each in command["subcommands"]:
        if each["commandName"] != "help":
            lines += section(each, each["commandName"])
    lines += [
        ".Sh ENVIRONMENT", ".Bl -tag -width Ds", ".It Ev FLASHFUSE_INSTRUCTION_SET", "The instruction set that kernels use.",
        ".It Ev FLASHFUSE_LOG_LEVEL", "From which level on log lines are printed.", ".It Ev NO_COLOR",
        "Keeps output on a terminal without colours.", ".El",
    ]
    print("\n".join(line for line in lines if line))


if __name__ == "__main__":
    main()
