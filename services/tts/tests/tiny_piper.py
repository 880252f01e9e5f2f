"""Makes a Piper voice of a few kilobytes, which hums for as long as its phonemes would take."""

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

RATE_HZ = 22_050
_SAMPLES_PER_PHONEME_ID = 700.0  # ids alternate with padding, so that a phoneme takes 63 ms
_HUM_HZ = 200.0
_PHONEMES = " !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɝɞɟɡɣɤɥɦɨɪɫɬɭɮɯɰɱɲɳɵɸɹɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʝˈˌːθ"


def make_tiny_piper(path: Path, speakers: tuple[str, ...] = ()) -> Path:
    """Writes the .onnx and its .onnx.json; with speakers, each hums an octave above the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(with_speakers=bool(speakers)), path)
    Path(f"{path}.json").write_text(json.dumps(_config(speakers)))
    return path


def _model(*, with_speakers: bool) -> onnx.ModelProto:
    """audio[t] = sin(2 pi f t / rate), for as many samples as ids times length_scale asks for."""
    floats = {
        "per_id": _SAMPLES_PER_PHONEME_ID,
        "step": 2 * 3.141592653589793 * _HUM_HZ / RATE_HZ,
        "zero": 0.0,
        "one": 1.0,
        "two": 2.0,
    }
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in floats.items()]
    constants.append(helper.make_tensor("second", TensorProto.INT64, [], [1]))
    constants.append(helper.make_tensor("last_axis", TensorProto.INT64, [1], [0]))
    constants.append(helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 1, -1]))
    nodes = [
        helper.make_node("Gather", ["scales", "second"], ["length_scale"]),
        helper.make_node("ReduceSum", ["input_lengths", "last_axis"], ["ids"], keepdims=0),
        helper.make_node("Cast", ["ids"], ["ids_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids_float", "per_id"], ["plain_count"]),
        helper.make_node("Mul", ["plain_count", "length_scale"], ["count"]),
        helper.make_node("Range", ["zero", "count", "one"], ["times"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, None]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    step = "step"
    if with_speakers:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
        nodes += [
            helper.make_node("ReduceSum", ["sid", "last_axis"], ["speaker"], keepdims=0),
            helper.make_node("Cast", ["speaker"], ["speaker_float"], to=TensorProto.FLOAT),
            helper.make_node("Pow", ["two", "speaker_float"], ["octave"]),
            helper.make_node("Mul", ["step", "octave"], ["speaker_step"]),
        ]
        step = "speaker_step"
    nodes += [
        helper.make_node("Mul", ["times", step], ["angles"]),
        helper.make_node("Sin", ["angles"], ["hum"]),
        helper.make_node("Reshape", ["hum", "shape"], ["output"]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, None])
    graph = helper.make_graph(nodes, "hum", inputs, [output], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _config(speakers: tuple[str, ...]) -> dict:
    ids = {"_": [0], "^": [1], "$": [2]} | {phoneme: [number] for number, phoneme in enumerate(_PHONEMES, 3)}
    return {
        "audio": {"sample_rate": RATE_HZ, "quality": "tiny"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": ids,
        "num_symbols": len(ids),
        "num_speakers": max(1, len(speakers)),
        "speaker_id_map": {name: number for number, name in enumerate(speakers)},
    }
