// A stand-in for NVIDIA's driver: tests compile it to libcuda.so.1 and see in a file what was called, as the driver
// would have received it. Declared after the reference of the CUDA driver API 12.8, apart from what is tested.
//
// Device memory is host memory, so copies are real; nothing else is. CALLS names the file. DEVICES is the number of
// devices; with OLD_DRIVER the functions that came after CUDA 12.0 are missing.

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct { const char *name; } *CUfunction;
typedef struct { int isBroken; } *CUmodule;
typedef struct { int number; } *CUstream;
typedef struct { int number; float milliseconds; } *CUevent;
typedef struct { int device; } *CUcontext;

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_CONTEXT = 201, INVALID_PTX = 218 };
enum { NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, COOPERATIVE_TOO_LARGE = 720, BAD_CLUSTER = 912 };

static const unsigned long long memoryBytes = 80ull << 30;
static _Thread_local CUcontext current;
static CUresult fault;
static int streams, events;

static void record(const char *format, ...) {
    FILE *file = fopen(CALLS, "a");
    if (!file) return;  // The test has ended.
    va_list arguments;
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
    fclose(file);
}

// Everything that works in a context.
#define IN_CONTEXT               \
    if (!current) return INVALID_CONTEXT; \
    if (fault) return fault

static int streamNumber(CUstream stream) { return stream ? stream->number : 0; }

CUresult cuInit(unsigned flags) { return flags ? INVALID_VALUE : DEVICES ? SUCCESS : NO_DEVICE; }

CUresult cuGetErrorName(CUresult result, const char **name) {
    *name = result == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : result == INVALID_PTX   ? "CUDA_ERROR_INVALID_PTX"
            : result == INVALID_VALUE ? "CUDA_ERROR_INVALID_VALUE"
                                      : NULL;
    return *name ? SUCCESS : INVALID_VALUE;
}

CUresult cuDeviceGetCount(int *count) { return *count = DEVICES, SUCCESS; }
CUresult cuDeviceGet(CUdevice *device, int index) { return *device = 40 + index, SUCCESS; }
CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    return snprintf(name, size, "Fake %d", device), SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) { return (void)device, *bytes = memoryBytes, SUCCESS; }

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
    (void)device;
    switch (attribute) {
    case 1: *value = 1024; break;        // MAX_THREADS_PER_BLOCK
    case 2: *value = 1023; break;        // MAX_BLOCK_DIM_X
    case 3: *value = 1022; break;        // MAX_BLOCK_DIM_Y
    case 4: *value = 64; break;          // MAX_BLOCK_DIM_Z
    case 5: *value = 2147483647; break;  // MAX_GRID_DIM_X
    case 6: *value = 65535; break;       // MAX_GRID_DIM_Y
    case 7: *value = 65534; break;       // MAX_GRID_DIM_Z
    case 13: *value = 1980000; break;    // CLOCK_RATE
    case 16: *value = 132; break;        // MULTIPROCESSOR_COUNT
    case 38: *value = 52428800; break;   // L2_CACHE_SIZE
    case 75: *value = 9; break;          // COMPUTE_CAPABILITY_MAJOR
    case 76: *value = 1; break;          // COMPUTE_CAPABILITY_MINOR
    case 81: *value = 233472; break;     // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    case 82: *value = 65536; break;      // MAX_REGISTERS_PER_MULTIPROCESSOR
    case 97: *value = 232448; break;     // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    case 120: *value = 1; break;         // CLUSTER_LAUNCH
    default: return INVALID_VALUE;
    }
    return SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    *context = calloc(1, sizeof **context);
    (*context)->device = device;
    record("retain %d", device);
    return SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { return record("release %d", device), SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext context) { return current = context, SUCCESS; }
CUresult cuCtxSynchronize(void) {
    IN_CONTEXT;
    return record("synchronize"), SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
    IN_CONTEXT;
    if (bytes > memoryBytes) return OUT_OF_MEMORY;
    *address = (uintptr_t)aligned_alloc(256, (bytes + 255) / 256 * 256);
    record("allocate %zu", bytes);
    return SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr address) {
    IN_CONTEXT;
    free((void *)(uintptr_t)address);
    return record("free"), SUCCESS;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    IN_CONTEXT;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return record("to device %zu stream %d", bytes, streamNumber(stream)), SUCCESS;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    IN_CONTEXT;
    memcpy(to, (void *)(uintptr_t)from, bytes);
    return record("to host %zu stream %d", bytes, streamNumber(stream)), SUCCESS;
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
    IN_CONTEXT;
    memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
    return record("in device %zu stream %d", bytes, streamNumber(stream)), SUCCESS;
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char byte, size_t bytes, CUstream stream) {
    IN_CONTEXT;
    memset((void *)(uintptr_t)to, byte, bytes);
    return record("fill %zu with %d stream %d", bytes, byte, streamNumber(stream)), SUCCESS;
}

// A text with "broken" in it does not compile: the error log, option 5 of size option 6, says so.
CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count, int *options, void **values) {
    IN_CONTEXT;
    char *log = NULL;
    size_t size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (options[i] == 5) log = values[i];
        if (options[i] == 6) size = (uintptr_t)values[i];
    }
    record("load %zu", strlen(image));
    if (strstr(image, "broken")) {
        snprintf(log, size, "%s", strstr(image, "silent") ? "" : "ptxas, line 7; error : broken");
        return INVALID_PTX;
    }
    *module = calloc(1, sizeof **module);
    return SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) {
    IN_CONTEXT;
    free(module);
    return record("unload"), SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
    (void)module;
    IN_CONTEXT;
    if (!strcmp(name, "absent")) return NOT_FOUND;
    *function = calloc(1, sizeof **function);
    (*function)->name = strdup(name);
    return SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function) {
    IN_CONTEXT;
    int hasCluster = !strcmp(function->name, "clustered");
    switch (attribute) {
    case 0: *value = 384; break;   // MAX_THREADS_PER_BLOCK
    case 1: *value = 1024; break;  // SHARED_SIZE_BYTES
    case 3: *value = 16; break;    // LOCAL_SIZE_BYTES
    case 4: *value = 168; break;   // NUM_REGS
    case 11: *value = hasCluster ? 2 : 0; break;
    case 12: *value = hasCluster ? 1 : 0; break;
    case 13: *value = hasCluster ? 1 : 0; break;
    default: return INVALID_VALUE;
    }
    return SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction function, int attribute, int value) {
    IN_CONTEXT;
    return record("%s attribute %d = %d", function->name, attribute, value), SUCCESS;
}

#ifndef OLD_DRIVER
// Every kernel takes an address, an unsigned, and a tensor map; "empty" takes nothing.
CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *bytes) {
    static const size_t layout[3][2] = {{0, 8}, {8, 4}, {64, 128}};
    if (index >= 3 || !strcmp(function->name, "empty")) return INVALID_VALUE;
    *offset = layout[index][0];
    *bytes = layout[index][1];
    return SUCCESS;
}
#endif

typedef struct {
    int id;
    char pad[8 - sizeof(int)];
    union {
        char pad[64];
        void *aligned;
        int flag;
        struct { unsigned x, y, z; } cluster;
    } value;
} CUlaunchAttribute;

typedef struct {
    unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
    CUstream stream;
    CUlaunchAttribute *attributes;
    unsigned attributeCount;
} CUlaunchConfig;

CUresult cuLaunchKernelEx(const CUlaunchConfig *launch, CUfunction function, void **parameters, void **extra) {
    IN_CONTEXT;
    record("launch %s grid %u %u %u block %u %u %u shared %u stream %d", function->name, launch->gridX,
           launch->gridY, launch->gridZ, launch->blockX, launch->blockY, launch->blockZ, launch->sharedBytes,
           streamNumber(launch->stream));
    for (unsigned i = 0; i < launch->attributeCount; i++) {
        const CUlaunchAttribute *attribute = &launch->attributes[i];
        if (attribute->id == 2) record("cooperative %d", attribute->value.flag);
        else if (attribute->id == 4)
            record("cluster %u %u %u", attribute->value.cluster.x, attribute->value.cluster.y,
                   attribute->value.cluster.z);
        else if (attribute->id == 6) record("early start %d", attribute->value.flag);
        else return INVALID_VALUE;
    }
    if (parameters) return INVALID_VALUE;
    const unsigned char *buffer = NULL;
    size_t size = 0;
    for (; extra && *extra; extra += 2) {
        if (*extra == (void *)1) buffer = extra[1];
        else if (*extra == (void *)2) size = *(size_t *)extra[1];
        else return INVALID_VALUE;
    }
    char hex[2 * 4096 + 1] = "";
    if (size > 4096) return INVALID_VALUE;
    for (size_t i = 0; i < size; i++) snprintf(hex + 2 * i, 3, "%02x", buffer[i]);
    record("parameters %s", hex);
    if (!strcmp(function->name, "faulty")) fault = ILLEGAL_ADDRESS;
    if (!strcmp(function->name, "large")) return COOPERATIVE_TOO_LARGE;
    if (!strcmp(function->name, "wide")) return BAD_CLUSTER;
    return SUCCESS;
}

CUresult cuTensorMapEncodeTiled(void *map, int type, uint32_t rank, void *address, const uint64_t *sizes,
                                const uint64_t *strides, const uint32_t *box, const uint32_t *elementStrides,
                                int interleave, int swizzle, int promotion, int fill) {
    IN_CONTEXT;
    if ((uintptr_t)map % 64) return INVALID_VALUE;
    record("tensor map type %d rank %u address %zx modes %d %d %d %d", type, rank, (size_t)address, interleave,
           swizzle, promotion, fill);
    for (uint32_t i = 0; i < rank; i++) {
        record("dimension %llu stride %llu box %u step %u", (unsigned long long)sizes[i],
               i + 1 < rank ? (unsigned long long)strides[i] : 0, box[i], elementStrides[i]);
    }
    for (int i = 0; i < 128; i++) ((unsigned char *)map)[i] = (unsigned char)(i + 1);
    return SUCCESS;
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    IN_CONTEXT;
    *stream = calloc(1, sizeof **stream);
    (*stream)->number = ++streams;
    return record("stream %d flags %u", streams, flags), SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream stream) {
    IN_CONTEXT;
    record("end of stream %d", stream->number);
    free(stream);
    return SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
    IN_CONTEXT;
    return record("synchronize stream %d", streamNumber(stream)), SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
    IN_CONTEXT;
    return record("stream %d waits for event %d flags %u", streamNumber(stream), event->number, flags), SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
    IN_CONTEXT;
    *event = calloc(1, sizeof **event);
    (*event)->number = ++events;
    return record("event %d flags %u", events, flags), SUCCESS;
}
CUresult cuEventDestroy_v2(CUevent event) {
    IN_CONTEXT;
    record("end of event %d", event->number);
    free(event);
    return SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
    IN_CONTEXT;
    static float now;
    event->milliseconds = now += 0.25f;
    return record("event %d in stream %d", event->number, streamNumber(stream)), SUCCESS;
}
CUresult cuEventSynchronize(CUevent event) {
    IN_CONTEXT;
    return record("synchronize event %d", event->number), SUCCESS;
}
CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    IN_CONTEXT;
    return *milliseconds = end->milliseconds - start->milliseconds, SUCCESS;
}
