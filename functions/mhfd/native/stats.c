/* Histogram and block statistics of raw pixels.
 *
 * Whole grey values are summed in integers, so that the results are those of the NumPy fallback in __init__.py, bit for
 * bit. Nothing here allocates, knows threads or touches Python: the caller splits the image by rows.
 */
#include "mhfd.h"

#include <string.h>

/* Four (two) tables: neighbouring pixels are often equal, and one table would wait for its own last store. */
EXPORT void mhfd_histogram_u8(const uint8_t *pixels, int64_t size, int64_t *counts) {
    uint32_t table[4][256];
    for (int64_t start = 0; start < size; start += 1 << 30) {
        int64_t end = size - start < 1 << 30 ? size : start + (1 << 30), i = start;
        memset(table, 0, sizeof table);
        for (; i + 8 <= end; i += 8) {
            uint64_t v;
            memcpy(&v, pixels + i, 8);
            table[0][v & 255]++, table[1][v >> 8 & 255]++, table[2][v >> 16 & 255]++, table[3][v >> 24 & 255]++;
            table[0][v >> 32 & 255]++, table[1][v >> 40 & 255]++, table[2][v >> 48 & 255]++, table[3][v >> 56]++;
        }
        for (; i < end; i++) table[0][pixels[i]]++;
        for (int g = 0; g < 256; g++) counts[g] += (int64_t)table[0][g] + table[1][g] + table[2][g] + table[3][g];
    }
}

EXPORT void mhfd_histogram_u16(const uint16_t *pixels, int64_t size, int64_t *counts) {
    for (int64_t i = 0; i < size; i++) counts[pixels[i]]++;
}

/* Columns are the lanes: a strip of blocks is summed down its rows, then across each block. */
enum { STRIP = 256 };

#define DEFINE_BLOCK_STATS(NAME, PIXEL, WIDE, SUM, SQUARE)                                                             \
    EXPORT void NAME(const PIXEL *pixels, int64_t pitch, int64_t block_rows, int64_t block_cols, int block,            \
                     float *mean, float *diagonal, float *minimum, float *maximum) {                                   \
        SUM sum[STRIP];                                                                                                \
        SQUARE square[STRIP];                                                                                          \
        PIXEL low[STRIP], high[STRIP];                                                                                 \
        int64_t per_strip = STRIP / block;                                                                             \
        for (int64_t br = 0; br < block_rows; br++)                                                                    \
            for (int64_t bc = 0; bc < block_cols; bc += per_strip) {                                                   \
                int blocks = (int)(block_cols - bc < per_strip ? block_cols - bc : per_strip), n = blocks * block;     \
                const PIXEL *p = pixels + br * block * pitch + bc * block;                                             \
                for (int x = 0; x < n; x++) sum[x] = 0, square[x] = 0, low[x] = high[x] = p[x];                        \
                for (int y = 0; y < block; y++, p += pitch)                                                            \
                    for (int x = 0; x < n; x++) {                                                                      \
                        PIXEL v = p[x];                                                                                \
                        sum[x] += (SUM)v;                                                                              \
                        low[x] = v < low[x] ? v : low[x];                                                              \
                        high[x] = v > high[x] ? v : high[x];                                                           \
                    }                                                                                                  \
                p = pixels + br * block * pitch + bc * block;                                                          \
                for (int y = 0; y + 1 < block; y++, p += pitch)                                                        \
                    for (int x = 0; x + 1 < n; x++) {                                                                  \
                        WIDE d = (WIDE)p[x] - (WIDE)p[x + 1] - (WIDE)p[x + pitch] + (WIDE)p[x + pitch + 1];            \
                        square[x] += (SQUARE)d * (SQUARE)d;                                                            \
                    }                                                                                                  \
                for (int b = 0; b < blocks; b++) {                                                                     \
                    double s = 0, q = 0;                                                                               \
                    PIXEL lo = low[b * block], hi = high[b * block];                                                   \
                    for (int x = b * block; x < (b + 1) * block; x++) {                                                \
                        s += (double)sum[x];                                                                           \
                        q += x + 1 < (b + 1) * block ? (double)square[x] : 0; /* no difference across two blocks */   \
                        lo = low[x] < lo ? low[x] : lo;                                                                \
                        hi = high[x] > hi ? high[x] : hi;                                                              \
                    }                                                                                                  \
                    int64_t o = br * block_cols + bc + b;                                                              \
                    mean[o] = (float)(s / ((double)block * block));                                                    \
                    diagonal[o] = (float)(q / (4.0 * (block - 1) * (block - 1)));                                      \
                    minimum[o] = (float)lo;                                                                            \
                    maximum[o] = (float)hi;                                                                            \
                }                                                                                                      \
            }                                                                                                          \
    }

DEFINE_BLOCK_STATS(mhfd_block_stats_u8, uint8_t, int32_t, int32_t, int32_t)
DEFINE_BLOCK_STATS(mhfd_block_stats_u16, uint16_t, int32_t, int32_t, double)
DEFINE_BLOCK_STATS(mhfd_block_stats_f32, float, double, double, double)
