"""The networks as they are drawn: sizes, first weights, ONNX. Nothing here needs torch."""

import math

import numpy as np
import pytest
from benchmarks import _train_memory as memory
from tests.rigs import REPOSITORY

from mhfd.contract.training import NET_LESSONS, NetLesson
from mhfd.errors import UsageError
from mhfd.learning.learners.export import session_of
from mhfd.learning.packages.operators import OPERATORS
from mhfd.learning.training.nets import NETS, Net, begin, count, digest_of, head_of, net_of, onnx_of
from mhfd.learning.training.nets.counting import Counting
from mhfd.learning.training.nets.mcnn import together

CASES = [pytest.param(net, lesson, id=f"{net.name}-{lesson}") for net in NETS.values() for lesson in net.lessons]


def test_the_pathways_end_as_the_paper_prints() -> None:
    assert together(Counting(), (1, 3, 1024, 1280)) == (1, 208, 16, 20)


def test_mcnn_makes_what_the_paper_counts() -> None:
    sized = count(NETS["mcnn"], channels=3, outputs=13, side=(1024, 1280), batch=32)
    assert sized.parameters == 1_158_509
    assert round(sized.activation_bytes / 1e9) == 11  # the paper's figure 2
    assert (sized.said_shape, sized.map_shape) == ((32, 13), None)
    smaller = count(NETS["mcnn"], channels=3, outputs=13, side=(1024, 1280), batch=8)
    assert sized.activation_bytes == 4 * smaller.activation_bytes


def test_small_is_small_and_has_a_map() -> None:
    sized = count(NETS["small"], channels=1, outputs=3, side=(1000, 700), batch=2)
    assert 30_000 < sized.parameters < 60_000
    assert (sized.said_shape, sized.map_shape) == ((2, 3), (2, 3, 16, 11))


def test_the_usual_network_and_those_there_are() -> None:
    assert net_of("focus").name == net_of("cause").name == "small"
    assert net_of("cause", "mcnn") is NETS["mcnn"]
    with pytest.raises(UsageError, match=r"no network 'trees' can be taught focus; choose from small, mcnn"):
        net_of("focus", "trees")


@pytest.mark.parametrize(("net", "lesson"), CASES)
def test_the_same_seed_begins_with_the_same_weights(net: Net, lesson: NetLesson) -> None:
    outputs = head_of(lesson).outputs
    weights = begin(net, channels=1, outputs=outputs, seed=4)
    assert digest_of(weights) == digest_of(begin(net, channels=1, outputs=outputs, seed=4))
    assert digest_of(weights) != digest_of(begin(net, channels=1, outputs=outputs, seed=5))
    assert (
        sum(one.size for one in weights.values())
        == count(net, channels=1, outputs=outputs, side=(64, 64), batch=1).parameters
    )


def test_weights_begin_with_the_spread_of_he() -> None:
    weights = begin(NETS["mcnn"], channels=3, outputs=13, seed=0)
    assert weights["dense.weight"].std() == pytest.approx(math.sqrt(2 / 1024), rel=0.01)
    assert weights["said.weight"].std() < 0.2 * math.sqrt(2 / 512)
    assert not any(one.any() for name, one in weights.items() if name.endswith(".bias"))


def test_a_digest_is_of_names_shapes_and_numbers() -> None:
    one = {"a": np.zeros((2, 3), np.float32), "b": np.ones(2, np.float32)}
    assert digest_of(one) == digest_of(dict(reversed(one.items())))
    assert digest_of(one) != digest_of({"a": one["a"].reshape(3, 2), "b": one["b"]})
    assert digest_of(one) != digest_of({"a": one["a"], "c": one["b"]})
    assert digest_of(one) != digest_of({"a": one["a"], "b": np.nextafter(one["b"], np.float32(2))})


@pytest.mark.parametrize(("net", "lesson"), CASES)
def test_onnx_is_the_same_bytes_of_operators_that_a_package_may_have(net: Net, lesson: NetLesson) -> None:
    import onnx

    head = head_of(lesson)
    weights = begin(net, channels=1, outputs=head.outputs, seed=1)
    drawn = onnx_of(net, weights, channels=1, head=head)
    assert drawn == onnx_of(net, weights, channels=1, head=head)
    model = onnx.load_from_string(drawn)
    assert {node.op_type for node in model.graph.node} <= OPERATORS
    assert [one.name for one in model.graph.input] == ["image"]


@pytest.mark.parametrize(("net", "lesson"), CASES)
def test_any_batch_and_any_size_is_taken_whole(net: Net, lesson: NetLesson) -> None:
    head = head_of(lesson)
    channels = 1 if lesson == "denoise" else 2  # a picture has the channels that it is made of
    weights = begin(net, channels=channels, outputs=head.outputs, seed=1)
    session = session_of(onnx_of(net, weights, channels=channels, head=head))
    rng = np.random.default_rng(0)
    for batch, rows, columns in ((1, 64, 64), (2, 64, 192), (1, 192, 128)):
        sized = count(net, channels=channels, outputs=head.outputs, side=(rows, columns), batch=batch)
        image = rng.standard_normal((batch, channels, rows, columns), np.float32)
        gave = dict(zip((one.name for one in session.get_outputs()), session.run(None, {"image": image}), strict=True))
        wanted = {"said": sized.said_shape, "map": sized.map_shape}
        assert {name: one.shape for name, one in gave.items()} == {k: v for k, v in wanted.items() if v is not None}


@pytest.mark.parametrize("name", ["small", "mcnn"])
def test_an_image_is_not_judged_by_its_neighbours(name: str) -> None:
    head = head_of("cause")
    net = NETS[name]
    session = session_of(onnx_of(net, begin(net, channels=1, outputs=head.outputs, seed=1), channels=1, head=head))
    images = np.random.default_rng(0).standard_normal((2, 1, 64, 128), np.float32)
    both = session.run(["said"], {"image": images})[0]
    alone = session.run(["said"], {"image": images[:1]})[0]
    np.testing.assert_allclose(both[0], alone[0], rtol=0, atol=1e-6)
    assert both.sum(axis=1) == pytest.approx([1, 1], abs=1e-6)


def test_what_a_network_of_focus_says_has_meaning() -> None:
    head = head_of("focus")
    net = NETS["small"]
    weights = begin(net, channels=1, outputs=head.outputs, seed=1)
    weights["said.weight"] *= 0
    weights["said.bias"] = np.array([0.0, math.log(4), math.log(0.25)], np.float32)
    session = session_of(onnx_of(net, weights, channels=1, head=head))
    said, places = session.run(["said", "map"], {"image": np.zeros((1, 1, 128, 64), np.float32)})
    assert head.says == ("bad", "radius_px", "sd")
    assert said[0] == pytest.approx([0.5, 3.0, 1.0], abs=1e-5)  # a quarter of 1 + 3 pixels
    assert places[0, :, 1, 0] == pytest.approx([0.5, 3.0, 1.0], abs=1e-5)
    weights["said.bias"] = np.array([90.0, 90.0, 90.0], np.float32)
    said = session_of(onnx_of(net, weights, channels=1, head=head)).run(
        ["said"], {"image": np.zeros((1, 1, 64, 64), np.float32)}
    )[0]
    assert said[0, 1] == pytest.approx(200.0, rel=1e-5)
    assert np.isfinite(said).all()


def test_heads_of_other_classes() -> None:
    assert head_of("cause", ["a", "b"]).outputs == 2
    assert {lesson: head_of(lesson).outputs for lesson in NET_LESSONS} == {
        "focus": 3,
        "cause": 13,
        "denoise": 1,
        "segment": 3,
    }
    with pytest.raises(UsageError, match=r"says: two classes at least, each once; got a, a"):
        head_of("cause", ["a", "a"])
    with pytest.raises(UsageError, match=r"a network of focus says bad, radius_px, sd, not bad"):
        head_of("focus", ["bad"])


def test_shapes_that_do_not_go_together() -> None:
    counting = Counting()
    with pytest.raises(ValueError, match="pooled"):
        counting.max_pool((1, 1, 65, 64), 2)
    with pytest.raises(ValueError, match="go together"):
        counting.concat([(1, 1, 64, 64), (1, 1, 32, 32)])
    counting.conv((1, 4, 8, 8), "same", 2, 3)
    with pytest.raises(ValueError, match="drawn as"):
        counting.conv((1, 4, 8, 8), "same", 3, 3)
    with pytest.raises(ValueError, match="no middle"):
        counting.conv((1, 4, 8, 8), "even", 3, 2)


def test_what_the_paper_says_of_its_weights_has_one_reading_that_fits() -> None:
    near = [what for what, number in memory.readings() if abs(4 * number / 2**20 - memory.PAPER_MB) < 1]
    assert near == [
        "1x1 to 1024 channels, halved by max pooling, its 8x10 places flattened: 81,920x512, 512x13",
    ]
    chosen = count(NETS["mcnn"], channels=memory.CHANNELS, outputs=memory.CLASSES, side=memory.SIDE, batch=1)
    assert memory.readings()[0][1] == chosen.parameters
    assert "11.13 | 11 GB" in memory.by_batch()


def test_the_page_of_networks_has_the_numbers_of_now() -> None:
    page = (REPOSITORY / "docs" / "explanation" / "networks.md").read_text(encoding="utf-8")
    for net in (NETS["small"], NETS["mcnn"]):
        sized = count(net, channels=1, outputs=head_of("focus").outputs, side=(64, 64), batch=1)
        assert f"{sized.parameters:,}" in page
    for _, number in memory.readings():
        assert f"{number:,} | {4 * number / 1e6:.1f}" in page
    for batch in (8, 16, 32, 64):
        sized = count(NETS["mcnn"], channels=memory.CHANNELS, outputs=memory.CLASSES, side=memory.SIDE, batch=batch)
        assert f"| {batch} | {sized.activation_bytes / 1e9:.2f} |" in page
