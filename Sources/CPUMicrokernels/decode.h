// What decoding rows of an 8-bit cache needs in every number format. Included after lanes.h.
//
// e4m3 (OCP 8-bit floating point, FN): one sign, four exponent and three significand bits, exponent bias 7; subnormals,
// no infinities, NaN where the other seven bits are all ones.

typedef uint8_t loose_codes __attribute__((vector_size(LANES), aligned(1), may_alias));

// Values of LANES codes. Moved to the places of an fp32's exponent and significand, the bits are the value times
// 2^(7 - 127), for subnormals too.
static inline lanes code_values(const uint8_t *codes) {
  int_lanes words = __builtin_convertvector(*(const loose_codes *)codes, int_lanes);
  int_lanes magnitude = words & 0x7f;
  lanes value = (lanes)(magnitude << 20 | (words & 0x80) << 24) * 0x1p120f;
  return choose(magnitude == 0x7f, splat(NAN), value);
}

// The scale of a group of a key's codes.
static inline float group_scale(const mla_coded_keys *keys, int64_t key, int64_t group) {
  if (!keys->scales) return keys->scale;
  float scale;
  if (keys->scale_format == MLA_SCALE_FP32) {
    memcpy(&scale, (const char *)keys->scales[key] + group * 4, 4);
  } else {
    // The byte is an fp32's exponent; 0 means 2^-127, a subnormal.
    uint8_t exponent = ((const uint8_t *)keys->scales[key])[group];
    uint32_t bits = exponent == 0xff ? 0x7fc00000 : exponent ? (uint32_t)exponent << 23 : 0x00400000;
    memcpy(&scale, &bits, 4);
  }
  return scale * keys->scale;
}
