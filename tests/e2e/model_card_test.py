"""The model card of a run, OUTPUT/README.md: its values are those of the run, its commands work, and a README.md of others is kept."""
import os
import re
import shlex
import socket

from support import LABELS, evaluation_events, finish, linnet, sha256, start, train, weights_digest, write_config

MARK = "<!-- This card was written by linnet."


def front_value(card, kind):
    """The value of a metric in the front matter."""
    front = card.split("---\n")[1]
    return float(re.search(rf"    - type: {kind}\n      name: .*\n      value: (.*)\n", front)[1])


def settings_of(sample, **changes):
    return dict(model_name_or_path=sample.model, train_file=sample.train, eval_file=sample.test, global_batch_size=20, max_steps=4,
                learning_rate=1e-3, threads_per_rank=1, save_strategy="no", **changes)


def test_card_has_the_values_of_the_run(sample, tmp_path):
    run = train(tmp_path, ranks=2, **settings_of(sample, eval_strategy="steps", eval_steps=2))
    card, last = (run / "README.md").read_text(), evaluation_events(run)[-1]
    for kind in "accuracy", "f1", "loss":
        assert abs(front_value(card, kind) - last[f"eval_{kind}"]) <= 5e-7  # it has six digits
    assert "| training | train.csv | 90 | " in card and sha256(sample.train_csv) in card and sha256(sample.test_csv) in card
    assert f"model.safetensors: `{weights_digest(run)}`" in card
    assert "- 2 ranks with 1 thread each, on 1 host\n" in card
    assert "| global_batch_size | 20 |\n| learning_rate | 0.001 |\n" in card and "update 4 of 4" in card
    assert all(f"| {i} | {name} | " in card for i, name in enumerate(LABELS))
    assert [line.split(" | ")[0] for line in card.split("### Evaluations")[1].splitlines() if re.match(r"\| \d", line)] == ["| 2", "| 4"]
    # Nothing of the machine: paths, hosts, users.
    assert str(tmp_path.parent) not in card and str(sample.folder) not in card and socket.gethostname() not in card


def test_scores_by_class_are_those_of_the_predictions(sample, tmp_path):
    """Precision, recall and F1 counted from the table of predictions."""
    run = train(tmp_path, **settings_of(sample))
    card = (run / "README.md").read_text()
    linnet("evaluate", "--model", run, "--data", sample.test, "--predictions", tmp_path / "rows.tsv")
    rows = [line.split("\t")[1:3] for line in (tmp_path / "rows.tsv").read_text().splitlines()[1:]]
    for i, name in enumerate(LABELS):
        hits = sum(row == [name, name] for row in rows)
        truth, predicted = (sum(row[k] == name for row in rows) for k in (0, 1))
        shown = [hits / predicted if predicted else 0, hits / truth if truth else 0, 2 * hits / (truth + predicted) if truth + predicted else 0]
        row = re.search(rf"\| {i} \| {name} \| (.*) \|\n", card)[1]
        assert re.sub(r" \[[01]\.\d\d, [01]\.\d\d\]", "", row) == " | ".join(f"{value:.4f}" for value in shown) + f" | {truth}"


def test_its_command_works(sample, tmp_path):
    run = train(tmp_path, output_dir=tmp_path / "my run's model", **settings_of(sample))
    command = re.search(r"```sh\nlinnet (.*)\n```", (run / "README.md").read_text())[1]
    result = finish(start(shlex.split(command), cwd=tmp_path))
    assert result.code == 0 and [line.split("\t")[2] for line in result.stdout.splitlines()] == ["what a lovely day", "i missed the bus"]


def test_best_model_and_no_evaluation(sample, tmp_path):
    """The update of the weights, which need not be the last; and a run without evaluation data."""
    best = train(tmp_path / "best", **{**settings_of(sample, eval_strategy="steps", eval_steps=1, save_steps=1, load_best_model_at_end=True),
                                       "save_strategy": "steps", "learning_rate": 0.05})
    lowest = min(evaluation_events(best), key=lambda event: event["eval_loss"])
    card = (best / "README.md").read_text()
    assert f"update {lowest['step']} of 4" in card and abs(front_value(card, "loss") - lowest["eval_loss"]) <= 5e-7
    without = train(tmp_path / "without", **{**settings_of(sample), "eval_file": None})
    assert "model-index" not in (without / "README.md").read_text()
    # Checkpoints have none, as Trainer's.
    assert not list(best.glob("checkpoint-*/README.md"))


def test_evaluations_are_at_the_step_of_their_weights(sample, tmp_path):
    """The log has the evaluation of the best model, update 2, at the last step, 4: it is no evaluation of update 4."""
    run = train(tmp_path, **{**settings_of(sample, eval_strategy="steps", eval_steps=2, save_steps=2, load_best_model_at_end=True),
                             "save_strategy": "steps"})
    card = (run / "README.md").read_text()
    assert "update 2 of 4" in card and [event["step"] for event in evaluation_events(run)] == [2, 4, 4]
    assert re.findall(r"^\| (\d) \| \d\.", card.split("### Evaluations")[1], re.MULTILINE) == ["2", "4"]


def test_later_run_replaces_the_card_but_not_one_of_others(sample, tmp_path):
    settings = settings_of(sample)
    run = train(tmp_path, **settings)
    first = (run / "README.md").read_text()
    train(tmp_path, **{**settings, "max_steps": 3})
    assert "update 3 of 3" in (run / "README.md").read_text() != first
    mine = (run / "README.md").read_text().replace(MARK, "<!-- by me")
    (run / "README.md").write_text(mine)
    config = write_config(tmp_path / "config.json", output_dir=run, **settings, overwrite_output_dir=True)
    result = linnet("train", config)
    assert (run / "README.md").read_text() == mine
    assert len(re.findall("warning: .*README.md: kept as it is", result.stderr)) == 1


def test_readme_of_the_base_model_is_not_copied(sample, copy_of, tmp_path):
    model = copy_of(sample.model)
    (model / "README.md").write_text("# base\n")
    run = train(tmp_path, **{**settings_of(sample), "model_name_or_path": model})
    assert MARK in (run / "README.md").read_text() and (model / "README.md").read_text() == "# base\n"


def test_failure_is_a_warning(sample, tmp_path):
    """The model is there all the same."""
    (tmp_path / "run/README.md").mkdir(parents=True)
    config = write_config(tmp_path / "config.json", output_dir=tmp_path / "run", **settings_of(sample))
    result = linnet("train", config)
    assert len(re.findall("warning: the model has no card: .*README.md", result.stderr)) == 1
    assert f"SHA256 ({tmp_path}/run/model.safetensors)" in result.stdout and os.path.isdir(tmp_path / "run/README.md")


def test_no_card_beside_another_model(sample, at_call, tmp_path):
    """A run that is killed before its last evaluation ends has no card: not the one of the model that was there."""
    settings = settings_of(sample)
    run = train(tmp_path, **settings)
    config = write_config(tmp_path / "config.json", output_dir=run, **settings)
    assert finish(start(["train", config], env=at_call("", "rename", "KILL", 1, "/run/config.json"))).code != 0
    assert not (run / "README.md").exists()
    linnet("train", config)
    assert f"`{weights_digest(run)}`" in (run / "README.md").read_text()
