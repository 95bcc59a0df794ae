/* The processor's tile unit (AMX): eight tiles of up to 16 rows of 64 bytes. One instruction adds the product of a tile
 * of bfloat16 pairs and one of pairs of the other matrix to a tile of float32 sums.
 * (Intel, Architecture Instruction Set Extensions Programming Reference, chapter 3.)
 */
#ifndef TILES_H
#define TILES_H
#include "numbers.h"

#if defined(EMULATED_TILES) /* in tests, on processors without them */
#define TILES
#include "emulated_tiles.h"
#elif defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define TILES
#include <immintrin.h>
#endif

#if defined(EMULATED_TILES) || (defined(TILES) && defined(__AMX_INT8__))
#define BYTE_TILES /* it also multiplies fours of bytes, and adds them to int32 sums */
#endif

enum { SIDE = 16, TILE_CHANNELS = 32, TILE_BYTES = 1024 };

/* Whether the system lets this process use the tiles; it must be asked once (Linux, Documentation/arch/x86/xstate). */
int tiled_linear_allowed(void);
/* The same, asked at the first call only. */
int tiles_allowed(void);

#ifdef TILES
typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileShapes;

INLINE void load_shapes(TileShapes shapes) {
    __asm__ volatile("" ::"r"(&shapes) : "memory"); /* compilers see that 8 of these bytes are read, and not the rest */
    _tile_loadconfig(&shapes);
}

/* Begin to use the tiles: the first `some` have `rows` rows, the others SIDE. */
INLINE void configure_tiles(int some, size_t rows) {
    TileShapes shapes = {.palette = 1};
    for (int t = 0; t < 8; t++) shapes.row_bytes[t] = 64, shapes.rows[t] = t < some ? (uint8_t)rows : SIDE;
    load_shapes(shapes);
}
#endif
#endif
