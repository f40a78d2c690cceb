// What this package needs of NVIDIA's driver, opened at run time: nothing of CUDA is needed to build.
//
// The functions, structures and numbers are those of the CUDA driver API from 12.0 on, declared as far as they are
// used; their names are in `driver.c`.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// 0 is success; the others are CUresult.
typedef int cuda_result;
enum {
    cuda_success = 0,
    cuda_error_out_of_memory = 2,
    cuda_error_no_device = 100,
    cuda_error_not_found = 500,
    // Faults of kernels, after which the context is lost.
    cuda_error_illegal_address = 700,
    cuda_error_launch_timeout = 702,
    cuda_error_assert = 710,
    cuda_error_hardware_stack = 714,
    cuda_error_illegal_instruction = 715,
    cuda_error_misaligned_address = 716,
    cuda_error_invalid_address_space = 717,
    cuda_error_invalid_program_counter = 718,
    cuda_error_launch_failed = 719,
    cuda_error_cooperative_launch_too_large = 720,
    cuda_error_invalid_cluster_size = 912,
};

// CUdevice_attribute
enum {
    cuda_device_max_threads_per_block = 1,
    cuda_device_max_block_x = 2,
    cuda_device_max_block_y = 3,
    cuda_device_max_block_z = 4,
    cuda_device_max_grid_x = 5,
    cuda_device_max_grid_y = 6,
    cuda_device_max_grid_z = 7,
    cuda_device_clock_kilohertz = 13,
    cuda_device_multiprocessor_count = 16,
    cuda_device_l2_bytes = 38,
    cuda_device_compute_capability_major = 75,
    cuda_device_compute_capability_minor = 76,
    cuda_device_max_shared_per_multiprocessor = 81,
    cuda_device_max_registers_per_multiprocessor = 82,
    cuda_device_max_shared_per_block_optin = 97,
    cuda_device_cluster_launch = 120,
};

// CUfunction_attribute
enum {
    cuda_function_max_threads_per_block = 0,
    cuda_function_shared_bytes = 1,
    cuda_function_local_bytes = 3,
    cuda_function_registers = 4,
    cuda_function_max_dynamic_shared_bytes = 8,
    cuda_function_required_cluster_width = 11,
    cuda_function_required_cluster_height = 12,
    cuda_function_required_cluster_depth = 13,
    cuda_function_non_portable_cluster_size_allowed = 14,
};

enum {
    cuda_stream_non_blocking = 1,
};

typedef int cuda_device;
typedef uint64_t cuda_address;
typedef void *cuda_context;
typedef void *cuda_module;
typedef void *cuda_function;
// Null is the default stream.
typedef void *_Nullable cuda_stream;
typedef void *cuda_event;

struct cuda_launch_config;

// The driver's functions. One that older drivers lack may be null.
struct cuda_driver {
    cuda_result (*init)(unsigned flags);
    cuda_result (*error_name)(cuda_result, const char *_Nullable *_Nonnull);
    cuda_result (*device_get_count)(int *);
    cuda_result (*device_get)(cuda_device *, int index);
    cuda_result (*device_get_name)(char *, int size, cuda_device);
    cuda_result (*device_get_attribute)(int *, int attribute, cuda_device);
    cuda_result (*device_total_memory)(size_t *, cuda_device);
    cuda_result (*primary_context_retain)(cuda_context _Nullable *_Nonnull, cuda_device);
    cuda_result (*primary_context_release)(cuda_device);
    cuda_result (*context_set_current)(cuda_context);
    cuda_result (*context_synchronize)(void);
    cuda_result (*memory_allocate)(cuda_address *, size_t);
    cuda_result (*memory_free)(cuda_address);
    cuda_result (*copy_to_device)(cuda_address, const void *, size_t, cuda_stream);
    cuda_result (*copy_to_host)(void *, cuda_address, size_t, cuda_stream);
    cuda_result (*copy_in_device)(cuda_address to, cuda_address from, size_t, cuda_stream);
    cuda_result (*fill_bytes)(cuda_address, unsigned char, size_t, cuda_stream);
    cuda_result (*module_load)(cuda_module _Nullable *_Nonnull, const void *image, unsigned option_count,
                               int *options, void *_Nullable *_Nonnull option_values);
    cuda_result (*module_unload)(cuda_module);
    cuda_result (*module_get_function)(cuda_function _Nullable *_Nonnull, cuda_module, const char *name);
    cuda_result (*function_get_attribute)(int *, int attribute, cuda_function);
    cuda_result (*function_set_attribute)(cuda_function, int attribute, int value);
    // From 12.4 on.
    cuda_result (*_Nullable function_get_parameter)(cuda_function, size_t index, size_t *offset, size_t *bytes);
    cuda_result (*launch_kernel)(const struct cuda_launch_config *, cuda_function,
                                 void *_Nullable *_Nullable parameters, void *_Nullable *_Nullable extra);
    cuda_result (*encode_tiled)(void *map, int type, uint32_t rank, void *_Nullable address,
                                const uint64_t *sizes, const uint64_t *byte_strides, const uint32_t *box,
                                const uint32_t *element_strides, int interleave, int swizzle,
                                int l2_promotion, int fill);
    cuda_result (*stream_create)(cuda_stream *_Nonnull, unsigned flags);
    cuda_result (*stream_destroy)(cuda_stream);
    cuda_result (*stream_synchronize)(cuda_stream);
    cuda_result (*stream_wait_event)(cuda_stream, cuda_event, unsigned flags);
    cuda_result (*event_create)(cuda_event _Nullable *_Nonnull, unsigned flags);
    cuda_result (*event_destroy)(cuda_event);
    cuda_result (*event_record)(cuda_event, cuda_stream);
    cuda_result (*event_synchronize)(cuda_event);
    cuda_result (*event_elapsed)(float *milliseconds, cuda_event start, cuda_event end);
};

// Opens the driver's library. Null, with the reason in a buffer, if it does not open or lacks a function. The library
// stays open; the result is the caller's to free by `cuda_driver_free`.
const struct cuda_driver *_Nullable cuda_driver_open(const char *library, char *reason, size_t reason_size);
void cuda_driver_free(const struct cuda_driver *);

// Compiles a PTX text that ends with zero. What the compiler says goes into `log`, which it ends with zero.
cuda_result cuda_driver_load(const struct cuda_driver *, const char *text, cuda_module _Nullable *_Nonnull,
                             char *log, size_t log_size);

struct cuda_launch {
    uint32_t grid[3];
    uint32_t block[3];
    // Of one block, for no cluster.
    uint32_t cluster[3];
    uint32_t dynamic_shared_bytes;
    bool is_cooperative;
    bool allows_early_start;
    const void *_Nullable parameters;
    size_t parameter_bytes;
};

// Launches a kernel; the parameters are copied.
cuda_result cuda_driver_launch(const struct cuda_driver *, cuda_function, cuda_stream, const struct cuda_launch *);

struct cuda_tensor {
    int element_type;
    uint32_t rank;
    cuda_address address;
    uint64_t sizes[5];
    // One fewer than dimensions.
    uint64_t byte_strides[5];
    uint32_t box[5];
    uint32_t element_strides[5];
    int interleave;
    int swizzle;
    int l2_promotion;
    int fill;
};

// Writes the 128 bytes of a tensor map.
cuda_result cuda_driver_encode_tiled(const struct cuda_driver *, const struct cuda_tensor *, uint8_t *map);

#pragma clang assume_nonnull end
