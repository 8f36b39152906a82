"""Checks over folders of models that fusion_result.json reconciles with the decision log, and that every pass can be switched off.

    python Scripts/check_fusion_results.py --flashfuse .build/release/flashfuse FOLDER...

For every model: the counts in fusion_result.json are those of the log's passes, and those of its decisions. With a pass switched
off, by either form of the switch file, it decides nothing and leaves nothing; with all switched off, the file comes back as it was.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile


def models(folders: list[pathlib.Path]) -> list[pathlib.Path]:
    """Returns the ONNX and OpenVINO models, and JSON graphs, in the folders and below."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".onnx", ".xml") or (path.suffix == ".json" and b'"flashfuse"' in path.read_bytes()[:4096]):
                found.append(path)
    return found


class Check:
    def __init__(self, flashfuse: pathlib.Path):
        self.flashfuse = flashfuse

    def fuse(self, model: pathlib.Path, folder: pathlib.Path, *options: str) -> tuple[dict, dict, pathlib.Path]:
        """Fuses a model in a folder of its own; returns the log, the counts of fusion_result.json, and the fused file."""
        folder.mkdir()
        output = folder / f"fused{model.suffix}"
        command = [self.flashfuse, "fuse", model, "-o", output, "--log", folder / "log.json", *options]
        done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise AssertionError(f"exit code {done.returncode}: {done.stderr.strip()}")
        results = json.loads((folder / "fusion_result.json").read_text())
        [entry] = results.values()
        return json.loads((folder / "log.json").read_text()), entry.get("graph_fusion", {}), output

    def reconcile(self, log: dict, counts: dict):
        """Raises where the counts of file, passes and decisions differ."""
        verdicts = collections.Counter((each["pass"], each["verdict"]) for each in log["decisions"])
        expected = {}
        for each in log["passes"]:
            fused = verdicts[each["name"], "fused"]
            matched = fused + verdicts[each["name"], "declined"]
            if (each["matched"], each["fused"]) != (matched, fused):
                raise AssertionError(f"{each['name']}: {each['matched']} and {each['fused']}, by decisions {matched} and {fused}")
            if matched:
                expected[each["name"]] = {"effect_times": str(fused), "match_times": str(matched)}
        if counts != expected:
            raise AssertionError(f"fusion_result.json has {counts}, the log {expected}")
        anchors = collections.Counter((each["pass"], each["anchor"]) for each in log["decisions"])
        twice = [anchor for anchor, count in anchors.items() if count > 1]
        if twice:
            raise AssertionError(f"decided more than once: {twice[:3]}")

    def __call__(self, model: pathlib.Path) -> collections.Counter:
        """Checks one model; returns how often each pass fused."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            log, counts, _ = self.fuse(model, folder / "all")
            self.reconcile(log, counts)
            passes = [each["name"] for each in log["passes"]]
            for index, each in enumerate(passes if counts else passes[:1]):
                switches = folder / f"switches{index}"
                lines = {"Switch": {"GraphFusion": {each: "off"}}}
                switches.write_text(f"{each}:off\n" if index % 2 else json.dumps(lines))
                log, without, _ = self.fuse(model, folder / f"without{index}", "--fusion-switch-file", str(switches))
                self.reconcile(log, without)
                if each in without or each in [other["name"] for other in log["passes"]] or log["switched_off"] != [each]:
                    raise AssertionError(f"{each} ran although it is off")
            switches = folder / "none"
            switches.write_text(json.dumps({"Switch": {"GraphFusion": {"ALL": "off"}}}))
            _, none, output = self.fuse(model, folder / "nothing", "--fusion-switch-file", str(switches))
            if none or output.read_bytes() != model.read_bytes():
                raise AssertionError("with all passes off, the file is not what it was")
            return collections.Counter({each: int(count["effect_times"]) for each, count in counts.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flashfuse", required=True, type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    check = Check(options.flashfuse.resolve())
    failures, fused, found = 0, collections.Counter(), models([each.resolve() for each in options.folders])
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for model, result in zip(found, [pool.submit(check, model) for model in found]):
            try:
                fused += result.result()
            except Exception as error:
                failures += 1
                print(f"{model}: {error}")
    print("; ".join(f"{name} {count}" for name, count in sorted(fused.items())))
    print(f"{len(found) - failures} reconciled, {failures} not")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
