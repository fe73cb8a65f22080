"""bf16: true: matrix products with factors rounded to bfloat16, everything else in float32."""
import pytest

from support import linnet, losses, train, training_events, weights_digest, without_timing, write_config

EMULATE = {"LINNET_BF16": "emulate"}


def settings(sample, bf16):
    return dict(model_name_or_path=sample.model, train_file=sample.train, global_batch_size=20, reduction_units=4, max_steps=8,
                learning_rate=1e-3, logging_steps=1, save_strategy="no", dropout=0.0, bf16=bf16)


@pytest.fixture(scope="module")
def rounded(sample, tmp_path_factory):
    return train(tmp_path_factory.mktemp("bf16"), ranks=1, env=EMULATE, **settings(sample, True))


def test_losses_follow_float32(sample, rounded, tmp_path):
    """Rounding changes a factor by up to 2^-9, a product by 2^-8 = 0.4 %. The errors of a sum have both signs, so a loss of about 1 changes
    by less than 1 %. It must change, or nothing was rounded."""
    exact = train(tmp_path, ranks=1, **settings(sample, False))
    assert losses(rounded) == pytest.approx(losses(exact), rel=1e-2)
    assert losses(rounded) != pytest.approx(losses(exact), rel=1e-6)


@pytest.mark.parametrize("ranks", [2, 4])
def test_units_give_the_same_bits(sample, rounded, tmp_path, ranks):
    run = train(tmp_path, ranks=ranks, env=EMULATE, **settings(sample, True))
    assert weights_digest(run) == weights_digest(rounded)
    assert without_timing(training_events(run)) == without_timing(training_events(rounded))


def test_cpu_without_bf16_computes_in_float32(sample, tmp_path):
    """It warns, and the weights have the same bits as without bf16."""
    hidden = {"LINNET_ISA": "base"}
    plain = train(tmp_path / "plain", ranks=1, env=hidden, **settings(sample, False))
    asked = tmp_path / "asked"
    config = write_config(tmp_path / "asked.json", output_dir=asked, **settings(sample, True))
    assert "AVX512-BF16" in linnet("train", config, ranks=1, env=hidden).stderr
    assert weights_digest(asked) == weights_digest(plain)
