#include "CUDADriver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A member of `cuda_driver`, and the symbol of the current version of its function.
struct symbol {
    size_t member;
    const char *name;
    bool is_optional;
};

#define SYMBOL(member, name) {offsetof(struct cuda_driver, member), name, false}
#define OPTIONAL(member, name) {offsetof(struct cuda_driver, member), name, true}

static const struct symbol symbols[] = {
    SYMBOL(init, "cuInit"),
    SYMBOL(error_name, "cuGetErrorName"),
    SYMBOL(device_get_count, "cuDeviceGetCount"),
    SYMBOL(device_get, "cuDeviceGet"),
    SYMBOL(device_get_name, "cuDeviceGetName"),
    SYMBOL(device_get_attribute, "cuDeviceGetAttribute"),
    SYMBOL(device_total_memory, "cuDeviceTotalMem_v2"),
    SYMBOL(primary_context_retain, "cuDevicePrimaryCtxRetain"),
    SYMBOL(primary_context_release, "cuDevicePrimaryCtxRelease_v2"),
    SYMBOL(context_set_current, "cuCtxSetCurrent"),
    SYMBOL(context_synchronize, "cuCtxSynchronize"),
    SYMBOL(memory_allocate, "cuMemAlloc_v2"),
    SYMBOL(memory_free, "cuMemFree_v2"),
    SYMBOL(copy_to_device, "cuMemcpyHtoDAsync_v2"),
    SYMBOL(copy_to_host, "cuMemcpyDtoHAsync_v2"),
    SYMBOL(copy_in_device, "cuMemcpyDtoDAsync_v2"),
    SYMBOL(fill_bytes, "cuMemsetD8Async"),
    SYMBOL(module_load, "cuModuleLoadDataEx"),
    SYMBOL(module_unload, "cuModuleUnload"),
    SYMBOL(module_get_function, "cuModuleGetFunction"),
    SYMBOL(function_get_attribute, "cuFuncGetAttribute"),
    SYMBOL(function_set_attribute, "cuFuncSetAttribute"),
    OPTIONAL(function_get_parameter, "cuFuncGetParamInfo"),
    SYMBOL(launch_kernel, "cuLaunchKernelEx"),
    SYMBOL(encode_tiled, "cuTensorMapEncodeTiled"),
    SYMBOL(stream_create, "cuStreamCreate"),
    SYMBOL(stream_destroy, "cuStreamDestroy_v2"),
    SYMBOL(stream_synchronize, "cuStreamSynchronize"),
    SYMBOL(stream_wait_event, "cuStreamWaitEvent"),
    SYMBOL(event_create, "cuEventCreate"),
    SYMBOL(event_destroy, "cuEventDestroy_v2"),
    SYMBOL(event_record, "cuEventRecord"),
    SYMBOL(event_synchronize, "cuEventSynchronize"),
    SYMBOL(event_elapsed, "cuEventElapsedTime"),
};

const struct cuda_driver *cuda_driver_open(const char *library, char *reason, size_t reason_size) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(reason, reason_size, "%s", dlerror());
        return NULL;
    }
    struct cuda_driver *driver = calloc(1, sizeof *driver);
    for (size_t i = 0; driver && i < sizeof symbols / sizeof *symbols; i++) {
        void *function = dlsym(handle, symbols[i].name);
        if (!function && !symbols[i].is_optional) {
            snprintf(reason, reason_size, "it has no %s; CUDA 12.0 or later is needed", symbols[i].name);
            free(driver);
            return NULL;
        }
        memcpy((char *)driver + symbols[i].member, &function, sizeof function);
    }
    return driver;
}

void cuda_driver_free(const struct cuda_driver *driver) { free((void *)driver); }

cuda_result cuda_driver_load(const struct cuda_driver *driver, const char *text, cuda_module *module, char *log,
                             size_t log_size) {
    // CUjit_option: the error log's buffer and its size, passed as a pointer. The last byte stays zero.
    int options[] = {5, 6};
    void *values[] = {log, (void *)(uintptr_t)(log_size - 1)};
    memset(log, 0, log_size);
    return driver->module_load(module, text, 2, options, values);
}

// CUlaunchAttribute: 64 bytes of value follow 8 of the number.
struct cuda_launch_attribute {
    _Alignas(8) int number;
    _Alignas(8) uint32_t value[16];
};

// CUlaunchConfig
struct cuda_launch_config {
    uint32_t grid[3];
    uint32_t block[3];
    uint32_t dynamic_shared_bytes;
    cuda_stream stream;
    struct cuda_launch_attribute *attributes;
    unsigned attribute_count;
};

cuda_result cuda_driver_launch(const struct cuda_driver *driver, cuda_function function, cuda_stream stream,
                               const struct cuda_launch *launch) {
    enum { cooperative = 2, cluster_dimension = 4, programmatic_stream_serialization = 6 };
    struct cuda_launch_attribute attributes[3] = {0};
    struct cuda_launch_config config = {
        .grid = {launch->grid[0], launch->grid[1], launch->grid[2]},
        .block = {launch->block[0], launch->block[1], launch->block[2]},
        .dynamic_shared_bytes = launch->dynamic_shared_bytes,
        .stream = stream,
        .attributes = attributes,
    };
    if (launch->cluster[0] * launch->cluster[1] * launch->cluster[2] > 1) {
        struct cuda_launch_attribute *attribute = &attributes[config.attribute_count++];
        attribute->number = cluster_dimension;
        memcpy(attribute->value, launch->cluster, sizeof launch->cluster);
    }
    if (launch->is_cooperative) {
        attributes[config.attribute_count++] = (struct cuda_launch_attribute){cooperative, {1}};
    }
    if (launch->allows_early_start) {
        attributes[config.attribute_count++] =
            (struct cuda_launch_attribute){programmatic_stream_serialization, {1}};
    }
    // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE and the end.
    size_t bytes = launch->parameter_bytes;
    void *extra[] = {(void *)1, (void *)launch->parameters, (void *)2, &bytes, NULL};
    return driver->launch_kernel(&config, function, NULL, bytes ? extra : NULL);
}

cuda_result cuda_driver_encode_tiled(const struct cuda_driver *driver, const struct cuda_tensor *tensor,
                                     uint8_t *map) {
    _Alignas(128) uint8_t aligned[128] = {0};
    cuda_result result = driver->encode_tiled(
        aligned, tensor->element_type, tensor->rank, (void *)tensor->address, tensor->sizes,
        tensor->byte_strides, tensor->box, tensor->element_strides, tensor->interleave, tensor->swizzle,
        tensor->l2_promotion, tensor->fill);
    memcpy(map, aligned, sizeof aligned);
    return result;
}
