// The list of micro-kernel sets, best first: X(symbol, element). It gives declarations and the registry here,
// and through the registry dispatch, tests and benchmark rows. To add a set: one line here, one definition.
#define MLA_X86_MICROKERNELS(X) \
  X(mla_avx512bf16_bf16)        \
  X(mla_avx512f_bf16)           \
  X(mla_avx512f_fp16)           \
  X(mla_avx512f_fp32)           \
  X(mla_avx2_bf16)              \
  X(mla_avx2_fp16)              \
  X(mla_avx2_fp32)

#define MLA_PORTABLE_MICROKERNELS(X) \
  X(mla_portable_bf16)               \
  X(mla_portable_fp16)               \
  X(mla_portable_fp32)

#if defined(__x86_64__)
#define MLA_MICROKERNELS(X) MLA_X86_MICROKERNELS(X) MLA_PORTABLE_MICROKERNELS(X)
#else
#define MLA_MICROKERNELS(X) MLA_PORTABLE_MICROKERNELS(X)
#endif
