// Matrix products of the simulated Hopper (PTX ISA 9.7.14, 9.7.15).
//
// Products of the narrow types are exact in fp32, and so are the sums of an instruction's products of 8-bit integers.
// Sums of floating-point products are rounded to the nearest fp32 after each product, in the order of k, D first.
// Uncalibrated: the hardware's order, and the bits that it keeps between, are not published. NaN is the canonical one.
//
// An instruction consumes 32 bytes of a row of A, and of a column of B: 8 words of 4 bytes. Rows of registers are those
// of simulator_floats.h: register s begins 32 · s numbers behind the first.
#ifndef SIMULATOR_MATRICES_H
#define SIMULATOR_MATRICES_H

#include <stdint.h>

typedef enum {
  SIM_MATRIX_F16, SIM_MATRIX_BF16, SIM_MATRIX_TF32, SIM_MATRIX_E4M3, SIM_MATRIX_E5M2, SIM_MATRIX_S8, SIM_MATRIX_U8,
} sim_matrix_type;

// The most columns of B and elements along K of an instruction.
#define SIM_MATRIX_COLUMNS 256
#define SIM_MATRIX_DEPTH 32

// How an operand of wgmma lies in shared memory.
typedef struct {
  const uint8_t *memory;     // byte 0 of the block's shared memory
  uint32_t start;            // address of the first element
  uint32_t leading, stride;  // byte offsets of the descriptor
  int swizzle;               // bytes: 0, 32, 64 or 128
  uint32_t base_offset;      // address bits 7 to 9 of where the swizzle's pattern begins
  int is_mn_major;           // whether it is contiguous along M or N: 16-bit types only
} sim_tile;

// The first address of the operand of so many rows of A, or columns of B, and of one instruction's K; and the one behind
// its last byte. With a swizzle, of the whole rows of the pattern.
void sim_tile_extent(const sim_tile *tile, int rows, uint32_t *first, uint32_t *end);

// Units of 16 bytes of so many rows, and the address of one of those from `first_row` on, in the order of memory's lines.
int sim_tile_unit_count(const sim_tile *tile, int row_count);
uint32_t sim_tile_unit(const sim_tile *tile, int first_row, int row_count, int unit);

// Numbers that take the place of others, each where its last bits say; all ones is no number.
#define SIM_REPLACEMENTS 64
typedef struct {
  uint32_t old[SIM_REPLACEMENTS], new[SIM_REPLACEMENTS];
} sim_replacements;
void sim_forget_replacements(sim_replacements *known);
void sim_add_replacement(sim_replacements *known, uint32_t old, uint32_t new);

// `numbers` has one for each 16 bytes of shared memory. Replaces those of these units from `unit` on, as long as it is known
// what takes their places. Returns the first unit of which it is not; the count when it is of all.
int sim_tile_replace(
    const sim_tile *tile, int first_row, int row_count, int unit, uint32_t *numbers, const sim_replacements *known);

// How many of `count` numbers, from the first on, are equal to the first.
int sim_equal_count(const uint32_t *words, int count);

// A as the product wants it, a[k][64]: 16 rows from `first_row` on of an operand in shared memory, or of `count`
// registers, each row's number four times, for so many lanes have results of a row. Negated if asked for.
void sim_read_a(sim_matrix_type type, const sim_tile *tile, int first_row, int negates, float *a);
void sim_read_a_registers(
    sim_matrix_type type, const uint32_t *registers, const int32_t *slots, int count, int negates, float *a);

// B as the product wants it: for each k, columns in groups of eight, of which the even ones come first. From one k to the
// next, `columns` rounded up to a multiple of 16 numbers.
void sim_read_b(sim_matrix_type type, const sim_tile *tile, int columns, float *b);
void sim_read_b_registers(
    sim_matrix_type type, const uint32_t *registers, const int32_t *slots, int count, float *b);

// A warp's 16 rows of D = A · B + D: D is columns / 2 registers. Without `adds`, D is not read.
void sim_multiply(
    float *registers, const int32_t *slots, const float *a, const float *b, int columns, int depth, int adds);

// d = c + sums of products of integers, all 32 lanes of a register; it wraps, or stops at the ends of the range. Without c,
// nothing is added.
void sim_add_sums(int32_t *d, const int32_t *c, const float *sums, int saturates);

#endif
