// The score tiles of every width, in place or, with NARROW, of 16-bit keys: see products.h and score_tile.h.
#define LANES_PER_ROW 1
#define KEYS SCORE_KEYS_1
#define VECTORS 1
#include "score_tile.h"
#undef LANES_PER_ROW
#define LANES_PER_ROW 2
#include "score_tile.h"
#undef LANES_PER_ROW
#define LANES_PER_ROW 4
#include "score_tile.h"
#undef LANES_PER_ROW
#define LANES_PER_ROW 1
#undef KEYS
#undef VECTORS
#define KEYS SCORE_KEYS_2
#define VECTORS 2
#include "score_tile.h"
#undef KEYS
#undef VECTORS
#if SCORE_KEYS_4
#define KEYS SCORE_KEYS_3
#define VECTORS 3
#include "score_tile.h"
#undef KEYS
#undef VECTORS
#define KEYS SCORE_KEYS_4
#define VECTORS 4
#include "score_tile.h"
#undef KEYS
#undef VECTORS
#endif
#undef LANES_PER_ROW
