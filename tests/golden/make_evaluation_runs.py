#!/usr/bin/env python3
"""Write tests/golden/trainer_small/evaluation_runs.json: runs of Trainer with a dict of evaluation data, whose learning rate follows a
metric, and which end with the best model.

Needs torch, transformers and accelerate, and scikit-learn for the metrics (made with 2.13.0, 5.24.0 and 1.9.1); the tests need only the
file.

usage: make_evaluation_runs.py"""
import json
import tempfile
from pathlib import Path

from make_trainer_small import Record, copy_model, make_batch, make_model
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, precision_recall_fscore_support, roc_auc_score
from transformers import Trainer, TrainingArguments

NAMES = ["negative", "neutral", "positive"]
FILES = {"first": list(range(48, 64)), "second": list(range(20, 40))}


def compute_metrics(prediction):
    truth, predicted = prediction.label_ids, prediction.predictions.argmax(1)
    probabilities = softmax(prediction.predictions.astype("float64"), axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=range(3), zero_division=0)
    classes = {f"{name}_{label}": float(values[k]) for k, label in enumerate(NAMES)
               for name, values in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support))}
    return {"accuracy": accuracy_score(truth, predicted), "f1": f1_score(truth, predicted, average="macro"),
            "f1_weighted": f1_score(truth, predicted, average="weighted"), "mcc": float(matthews_corrcoef(truth, predicted)),
            "auroc": roc_auc_score(truth, probabilities, multi_class="ovr"),
            "auroc_weighted": roc_auc_score(truth, probabilities, multi_class="ovr", average="weighted"), **classes}


class RecordAll(Record):
    def on_log(self, arguments, state, control, logs=None, **_):
        self.rows.append({"step": state.global_step, **logs})


def run(**options):
    record = RecordAll()
    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=4, per_device_eval_batch_size=8, num_train_epochs=2,
                                  logging_steps=1, report_to=[], use_cpu=True, disable_tqdm=True, seed=42, **options)
    trainer = Trainer(model=copy_model(make_model(3), 3, "last_token"), train_dataset=list(range(48)), eval_dataset=FILES, args=arguments,
                      data_collator=lambda which: make_batch(which, 3, None), callbacks=[record], compute_metrics=compute_metrics)
    trainer.train()
    best = {"step": trainer.state.best_global_step, "metric": trainer.state.best_metric}
    norms = {name: float(p.norm()) for name, p in trainer.model.named_parameters()}
    return {"options": options, "files": FILES, "train_samples": 48, "log": record.rows, "best": best, "norms": norms}


STEPS = dict(eval_strategy="steps", eval_steps=3, save_strategy="steps", save_steps=3, load_best_model_at_end=True, save_only_model=True)
PLATEAU = dict(lr_scheduler_type="reduce_lr_on_plateau", learning_rate=3e-3)


def main():
    runs = {
        "loss": run(**STEPS, **PLATEAU, metric_for_best_model="eval_first_loss",
                    lr_scheduler_kwargs={"patience": 0, "factor": 0.5, "threshold": 0.05, "cooldown": 1}),
        "area": run(**STEPS, **PLATEAU, metric_for_best_model="first_auroc",
                    lr_scheduler_kwargs={"mode": "max", "patience": 1, "factor": 0.3, "threshold": 0.02, "threshold_mode": "abs"}),
    }
    (Path(__file__).parent / "trainer_small/evaluation_runs.json").write_text(json.dumps(runs))


if __name__ == "__main__":
    main()
