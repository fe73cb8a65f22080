/* The folders of a model and its adapter. model_paths.h has the contract. */
#include "linnet/model/model_paths.h"
#include "linnet/core/memory.h"
#include "linnet/model/adapter.h"
#include "linnet/model/model_folder.h"
#include "linnet/tokenizer/tokenizer.h"

static Status check_pair(const char *path, const char *adapter, Error *error) {
    if (!adapter_is_in(adapter))
        return error_set(error, STATUS_INPUT, "%s: not the folder of an adapter: it has no %s", adapter,
                         ADAPTER_CONFIG_FILE);
    if (adapter_is_in(path))
        return error_set(error, STATUS_INPUT,
                         "%s: is an adapter itself: besides the adapter %s give the model that it was trained on", path,
                         adapter);
    return STATUS_OK;
}

Status model_paths_find(ModelPaths *paths, const char *path, const char *adapter, Error *error) {
    *paths = (ModelPaths){0};
    if (adapter && check_pair(path, adapter, error)) return error->status;
    const bool alone = !adapter && adapter_is_in(path);
    paths->base = alone ? adapter_base(path, error) : memory_text(path, error);
    if (!error->status && (alone || adapter)) paths->adapter = memory_text(alone ? path : adapter, error);
    if (error->status)
        model_paths_free(paths);
    else
        paths->tokenizer = paths->adapter && tokenizer_folder_has_one(paths->adapter) ? paths->adapter : paths->base;
    return error->status;
}

void model_paths_free(ModelPaths *paths) {
    memory_free(paths->base);
    memory_free(paths->adapter);
    *paths = (ModelPaths){0};
}

Status model_paths_config(const ModelPaths *paths, ModelConfig *config, Error *error) {
    AdapterFolder *folder = NULL;
    Adapter *adapter = NULL;
    if (model_folder_load_config(config, paths->base, error) || !paths->adapter) return error->status;
    if (adapter_folder_open(&folder, &adapter, paths->adapter, config, error)) model_config_free(config);
    adapter_folder_close(folder);
    adapter_destroy(adapter);
    return error->status;
}
