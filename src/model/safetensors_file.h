#ifndef LINNET_MODEL_SAFETENSORS_FILE_H
#define LINNET_MODEL_SAFETENSORS_FILE_H
/** What the parts of the safetensors reader share: the mapped file and its parsed header. */
#include "linnet/model/safetensors.h"
#include <cjson/cJSON.h>

struct SafetensorsFile {
    char *path;
    unsigned char *map; /**< the complete file, private and writable; NULL when not mapped */
    size_t size;        /**< bytes of the file */
    cJSON *header;      /**< owns the tensors' names */
    Tensor *tensors;    /**< [count] ascending by address */
    size_t count;
};

/** Parse and check the header of the mapped file: fill header, tensors and count. */
Status safetensors_parse(SafetensorsFile *file, Error *error);

#endif
