// Numbers and their bits.
#ifndef SIMULATOR_BITS_H
#define SIMULATOR_BITS_H

#include <stdint.h>
#include <string.h>

#include "clones.h"

SIM_INLINE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

SIM_INLINE float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Overflow to infinity, subnormal numbers rounded where the hardware would, NaN canonical.
SIM_INLINE uint32_t f16_bits(float value) {
  uint32_t bits = bits_of(value);
  uint32_t magnitude = bits & 0x7FFFFFFF;
  // Below 2^-14 the last place is 2^-24: adding 1/2 rounds there.
  uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);
  uint32_t rebased = magnitude - (112u << 23);
  uint32_t normal = (rebased + 0xFFF + (rebased >> 13 & 1)) >> 13;
  uint32_t rounded = magnitude < 0x38800000 ? subnormal : magnitude >= 0x477FF000 ? 0x7C00 : normal;
  return magnitude > 0x7F800000 ? 0x7FFF : rounded | (bits >> 16 & 0x8000);
}

SIM_INLINE uint32_t bf16_bits(float value) {
  uint32_t bits = bits_of(value);
  uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return (bits & 0x7FFFFFFF) > 0x7F800000 ? 0x7FFF : rounded;
}

// The exponent's bias is corrected by a multiplication, which also normalises subnormal numbers.
SIM_INLINE float float_of_f16(uint32_t bits) {
  uint32_t shifted = (bits & 0x7FFF) << 13;
  uint32_t finite = bits_of(float_of(shifted) * 0x1p112f);
  uint32_t magnitude = shifted >= 0x0F800000 ? shifted | 0x7F800000 : finite;
  return float_of(magnitude | (bits & 0x8000) << 16);
}

#endif
