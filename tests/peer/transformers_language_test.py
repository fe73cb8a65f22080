"""A language model that linnet pretrain has made, in Transformers: its loss, and text that it generates."""
import h5py
import pytest
import torch
from transformers import AutoModelForCausalLM, pipeline

from support import evaluation_events, linnet, train


@pytest.fixture(scope="module")
def made(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    linnet("prepare", "--input", sample.test_csv, "--output", folder / "packed.h5", "--tokenizer", sample.tokenizer, "--pack", "24")
    run = train(folder, command="pretrain", model_name_or_path=sample.model, train_file=folder / "packed.h5", eval_file=folder / "packed.h5",
                max_steps=4, global_batch_size=8, learning_rate=5e-3, save_strategy="no")
    return folder / "packed.h5", run


def test_loss(made):
    """All weights are found under their names, the output layer is tied, and the loss is that of linnet's evaluation."""
    data, run = made
    model, about = AutoModelForCausalLM.from_pretrained(run, output_loading_info=True)
    assert not about["missing_keys"] and not about["unexpected_keys"] and not about["mismatched_keys"]
    assert type(model).__name__ == "GPT2LMHeadModel" and model.lm_head.weight is model.transformer.wte.weight
    with h5py.File(data) as file:
        ids = torch.tensor(file["tokens"][:].astype("int64").reshape(-1, 24))
    with torch.no_grad():
        loss = model.double()(input_ids=ids, labels=ids).loss.item()
    # float32 against float64.
    assert evaluation_events(run)[-1]["eval_loss"] == pytest.approx(loss, rel=1e-5)


def test_generation(made):
    text = pipeline("text-generation", model=str(made[1]))("what a", max_new_tokens=5, do_sample=False)[0]["generated_text"]
    assert text.startswith("what a") and len(text) > len("what a")
