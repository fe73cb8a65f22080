/* Folders that other programs made: what is read of them, and what is said of those that cannot be read. */
#include "unit/small_model.h"
#include <unistd.h>

/** A path, what lies there, and what the message must name. */
static void test_says_what_is_no_model_folder(void **state) {
    (void)state;
    static const char LFS[] = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n";
    static const struct {
        const char *file, *text, *names[3]; /* written into a folder with config.json, unless it is in another */
    } weights[] = {
        {"pytorch_model.bin", "", {"only pytorch_model.bin", "t.GPT2LMHeadModel.from_pretrained(", "save_pretrained("}},
        {"pytorch_model.bin.index.json", "{}", {"only pytorch_model.bin.index.json", "PyTorch"}},
        {"tf_model.h5", "", {"only tf_model.h5", "TensorFlow", "from_tf=True"}},
        {"flax_model.msgpack", "", {"only flax_model.msgpack", "from_flax=True"}},
        {"zero_to_fp32.py", "", {"DeepSpeed", "--safe_serialization"}},
        {"gpt2.Q8_0.gguf", "GGUF", {"only gpt2.Q8_0.gguf", "gguf_file='gpt2.Q8_0.gguf'"}},
        {"model.onnx", "", {"only model.onnx", "cannot be converted back"}},
        {"rust_model.ot", "", {"only rust_model.ot"}},
        {"model-00001-of-00002.safetensors", "", {"a part of a model", "index.json"}},
        {"model.fp16.safetensors", "", {"rename the file to model.safetensors"}},
        {"adapter_model.safetensors", "", {"the values of an adapter", "adapter_config.json"}},
        {"model.safetensors", LFS, {"a Git LFS pointer", "git lfs pull"}},
        {"model.safetensors", "", {"an empty file"}},
        {"model.safetensors", "\x80\x02}q", {"a PyTorch file", "save_pretrained"}},
        {"model.safetensors", "\x1f\x8b\x08 compressed", {"compressed by gzip", "gunzip"}},
        {"model.safetensors", "<!DOCTYPE html><html>", {"a web page"}},
        {"model.safetensors.index.json", LFS, {"a Git LFS pointer"}},
        {"config.json", LFS, {"config.json: a Git LFS pointer"}},
        {"config.json", "", {"config.json: an empty file"}},
        {"config.json", "{\"architectures\": [\"BertModel\"]}", {"architectures is \"BertModel\""}},
        {"config.json", "{\"model_type\": \"llama\"}", {"model_type is \"llama\""}},
        {"config.json",
         "{\"model_type\": \"gpt2\", \"quantization_config\": {\"load_in_8bit\": true}}",
         {"quantization_config", "dequantize()"}},
    };
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) {
        char name[16], path[256];
        snprintf(name, sizeof name, "other%zu", i);
        const char *model = new_folder(name, "{\"model_type\": \"gpt2\", \"architectures\": [\"GPT2LMHeadModel\"],"
                                             "\"n_embd\": 4, \"n_head\": 2, \"n_layer\": 1}");
        snprintf(path, sizeof path, "%s/%s", model, weights[i].file);
        write_text(path, weights[i].text);
        for (size_t j = 0; j < 3 && weights[i].names[j]; j++) refuse(model, weights[i].names[j]);
    }
}

static void test_says_where_the_model_is(void **state) {
    (void)state;
    char *const folders[] = {"run/checkpoint-9", "run/checkpoint-10", "cache/snapshots/abc", "none", "tokens", "lora"};
    Error error = {0};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) file_make_folder(in_folder(folders[i]), &error);
    assert_fine(&error);
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s/config.json", folders[i]);
        write_text(in_folder(name), CONFIG);
    }
    write_text(in_folder("tokens/vocab.json"), "{}");
    write_text(in_folder("lora/adapter_config.json"),
               "{\"base_model_name_or_path\": \"gpt2\", \"task_type\": \"SEQ_CLS\"}");
    refuse(in_folder("run"), "run/checkpoint-10 has: give that");
    refuse(in_folder("cache"), "cache/snapshots/abc has: give that");
    refuse(in_folder("none"), "it is empty");
    refuse(in_folder("tokens"), "it has a tokenizer");
    refuse(in_folder("lora"), "a LoRA adapter, not a complete model");
    refuse(in_folder("lora"), "linnet merge --model");
    refuse(in_folder("run/checkpoint-9/config.json"), "give the folder that holds this file");
    assert_int_equal(symlink("../../blobs/123", in_folder("none/config.json")), 0);
    refuse(in_folder("none"), "none/config.json: a link to ../../blobs/123, which does not exist");
    write_text(in_folder("none/model.gguf"), "GGUF");
    refuse(in_folder("none/model.gguf"), "a GGUF model, not a folder");
    refuse("openai-community/gpt2", "snapshot_download('openai-community/gpt2', local_dir='gpt2')");
    refuse("gpt2", "scripts/download_gpt2.py");
    save_model("run/checkpoint-9", complete_model());
    write_text(in_folder("run/checkpoint-9/adapter_config.json"), "damaged");
    refuse(in_folder("run/checkpoint-9"), "a LoRA adapter");
}

/** torch.compile, DistributedDataParallel, Lightning and FSDP put names of modules before those of tensors or between. */
static void test_reads_names_of_wrapped_models(void **state) {
    (void)state;
    static const char *const prefixes[] = {"_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module.", "model."};
    for (size_t i = 0; i < 2 * sizeof prefixes / sizeof *prefixes; i++) {
        Tensors *tensors = complete_model();
        for (size_t n = 0; n < tensors->count; n++) {
            const char *name = tensors->sources[n].name;
            if (i % 2 == 1 && strncmp(name, "transformer.", 12) == 0) name += 12;
            char wrapped[64];
            snprintf(wrapped, sizeof wrapped, "%s%s", prefixes[i / 2], name);
            strcpy(tensors->names[n], wrapped);
            tensors->sources[n].name = tensors->names[n];
        }
        assert_model(save_model("wrapped", tensors), true);
    }
    Tensors *tensors = complete_model();
    for (size_t n = 0; n < tensors->count; n++)
        if (strncmp(tensors->names[n], "transformer.h.0.", 16) == 0) {
            char rest[64];
            strcpy(rest, tensors->names[n] + 16);
            snprintf(tensors->names[n], sizeof tensors->names[n], "transformer.h.0._orig_mod.%.30s", rest);
        }
    assert_model(save_model("wrapped", tensors), true);
    tensors = complete_model();
    strcpy(tensors->names[4], "base_model.model.h.0.attn.c_attn.lora_A.weight");
    refuse(save_model("wrapped", tensors), "merge_and_unload()");
}

/** With `any_head`, a head that does not fit config.json is as good as none. */
static void test_takes_no_head_that_does_not_fit(void **state) {
    (void)state;
    Tensors *tensors = complete_model();
    tensors->sources[tensors->count - 1].shape[0] = 2;
    const char *model = save_model("misfit", tensors);
    refuse(model, "score.weight has shape [2, 4]");
    refuse(model, "ignore_mismatched_sizes");
    ModelFolder *opened;
    Error error = {0};
    model_folder_open(&opened, model, HEAD_ANY, &error);
    assert_fine(&error);
    assert_false(model_folder_has_head(opened));
    model_folder_close(opened);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_is_no_model_folder),
        cmocka_unit_test(test_says_where_the_model_is),
        cmocka_unit_test(test_reads_names_of_wrapped_models),
        cmocka_unit_test(test_takes_no_head_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
