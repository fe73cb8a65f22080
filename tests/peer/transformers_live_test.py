"""A trained folder as a user of Hugging Face's libraries meets it: opened in a new Python without a warning, the card read by
huggingface_hub, and its example run. Run by `make test-peers`."""
import json
import re
import subprocess
import sys

import huggingface_hub
import pytest
import transformers

from support import LABELS, evaluation_events, linnet, sha256, train, weights_digest

# Everything that is said while a folder is opened: Python's warnings, and log records of WARNING and above, by any library.
OPEN = """
import json, logging, sys, warnings
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
said = []
class Keep(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
for name in [None, *logging.root.manager.loggerDict]:
    logging.getLogger(name).addHandler(Keep(logging.WARNING))
folder, texts = sys.argv[1], json.load(sys.stdin)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    again = pipeline("text-classification", model=model, tokenizer=tokenizer)
    classify = pipeline("text-classification", model=folder, truncation=True, batch_size=8)
    best = classify(texts)
    every = classify(texts, top_k=None)
said += [str(warning.message) for warning in caught]
print(json.dumps({"said": said, "best": best, "every": every}))
"""


def opened(folder, texts):
    done = subprocess.run([sys.executable, "-c", OPEN, folder], input=json.dumps(texts), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    """With evaluations, so that its card has scores, and checkpoints."""
    folder = tmp_path_factory.mktemp("live")
    return train(folder, ranks=2, model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=10,
                 max_steps=20, learning_rate=3e-3, eval_strategy="steps", eval_steps=10, save_steps=10, threads_per_rank=1)


@pytest.fixture(scope="module")
def texts(sample):
    """All of the test table, and a text longer than the model's positions."""
    with open(sample.test_csv, encoding="utf-8") as file:
        table = [line.rsplit(",", 1)[0].strip('"') for line in file.read().splitlines()[1:]]
    return [text for text in table if text] + ["the bird sings " * 1000]


@pytest.mark.parametrize("below", ["", "checkpoint-10"])
def test_opens_without_a_word_and_gives_the_same(run, texts, difference, below):
    theirs, progress = opened(run / below, texts)
    assert theirs["said"] == []
    assert not [line for line in progress.splitlines() if line and "Loading weights" not in line], progress
    lines = [json.loads(line) for line in linnet("predict", "--model", run / below, "--json", "--", *texts).stdout.splitlines()]
    assert [line["label"] for line in lines] == [answer["label"] for answer in theirs["best"]]
    ours = [line["probabilities"][name] for line in lines for name in LABELS]
    others = [{entry["label"]: entry["score"] for entry in answer}[name] for answer in theirs["every"] for name in LABELS]
    # Two implementations in float32.
    assert difference(ours, others) < 1e-5 and len(ours) >= 3 * 30


def test_card_is_one_of_the_hub(sample, run):
    """As the hub parses it; the values are those of the last evaluation, rounded to six digits."""
    card = huggingface_hub.ModelCard.load(run / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag, card.data.model_name) == ("transformers", "text-classification", "run")
    types = ["accuracy", "f1", "precision", "recall", "matthews_correlation", "roc_auc"]
    ours = {"matthews_correlation": "mcc", "roc_auc": "auroc"}
    assert card.data.metrics == types and "base_model" not in card.data.to_dict()
    results, last = card.data.eval_results, evaluation_events(run)[-1]
    assert [result.metric_type for result in results] == [*types, "loss"]
    for result in results:
        name = ours.get(result.metric_type, result.metric_type)
        assert isinstance(result.metric_value, float) and abs(result.metric_value - last[f"eval_{name}"]) <= 5e-7
        assert (result.task_type, result.dataset_name, result.dataset_type) == ("text-classification", "test.csv", "test.csv")
        assert result.dataset_revision == sha256(sample.test_csv)
    assert weights_digest(run) in card.text
    # What huggingface_hub itself writes of these results has the same content.
    again = huggingface_hub.ModelCardData(model_name="run", eval_results=results).to_dict()["model-index"]
    assert again == card.data.to_dict()["model-index"]


@pytest.mark.parametrize("name", ["it's: #1 {a} é 🐦", "- [x] | & * ? ! %", "null", "1e3"])
def test_card_of_a_folder_with_any_name(sample, tmp_path, name):
    """A name that YAML would take for something else."""
    run = train(tmp_path, output_dir=tmp_path / name, model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, max_steps=1,
                save_strategy="no")
    assert huggingface_hub.ModelCard.load(run / "README.md").data.model_name == name


@pytest.mark.parametrize("pooling", ["last_token", "padded_end"])
def test_example_of_the_card_works(sample, tmp_path, difference, pooling):
    run = train(tmp_path, model_name_or_path=sample.model, train_file=sample.train, max_steps=10, learning_rate=3e-3, pooling=pooling,
                save_strategy="no")
    code = re.search(r"```python\n(.*?)```", (run / "README.md").read_text(), re.S)[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=run.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.replace("'", '"'))
    lines = linnet("predict", "--model", run, "--json", "what a lovely day", "i missed the bus").stdout.splitlines()
    assert [answer["label"] for answer in answers] == [json.loads(line)["label"] for line in lines]
    ours = [max(json.loads(line)["probabilities"].values()) for line in lines]
    assert difference(ours, [answer["score"] for answer in answers]) < 1e-5


def test_trainer_starts_from_it(run, tmp_path):
    """And linnet opens what it saves, with a card of Trainer's."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(run)
    tokenizer = transformers.AutoTokenizer.from_pretrained(run)
    data = [{**tokenizer(text), "labels": i % 3} for i, text in enumerate(["one", "two", "three"])]
    arguments = transformers.TrainingArguments(tmp_path / "peer", max_steps=1, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True)
    trainer = transformers.Trainer(model, arguments, train_dataset=data, processing_class=tokenizer)
    trainer.train()
    trainer.save_model()
    trainer.create_model_card()
    linnet("inspect", tmp_path / "peer")
    linnet("predict", "--model", tmp_path / "peer", "one")
    assert huggingface_hub.ModelCard.load(tmp_path / "peer/README.md").data.library_name == "transformers"
