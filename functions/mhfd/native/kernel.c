/* The detector: scale space, maximum over scale and 3x3 maxima of one image, without ever holding the scale space.
 *
 * 1. `mhfd_base` blurs and halves the image into base planes of spacing s = 2, 4, 8, 16 (cell-centred, so that a
 *    half-sample reflect border stays one). They are the only planes as large as the image.
 * 2. `mhfd_detect` walks a tile from top to bottom, BLOCK rows at a time. Each Gaussian is one separable convolution of
 *    the image or of a base plane, a row at a time; a difference of two on a base plane is interpolated across its
 *    columns into a ring of a few rows. Then one pass interpolates down the rows and keeps, in registers, the maximum
 *    over every scale and its index. What is left of a block is its maxima.
 *
 * A pixel's value does not depend on the tile it is computed in, bit for bit: every lane does the same operations in
 * the same order, and buffers are padded instead of having scalar remainders. So tiles need no agreement on anything.
 * What the filters are and why is decided in detector/plan.py. Nothing here knows threads or Python. The caller lends
 * the memory that is worked in, and may lend it again: to have the system map and clear it for every image was a fifth
 * of the time. What it holds before does not matter.
 */
#include "mhfd.h"
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8, WINDOW = 64, BATCH = 4, TAPS = 6, STRIDE = 8, PAD = 16 };

typedef struct {
    const void *pixels;
    int64_t rows, cols, pitch;
    int32_t kind; /* 0: uint8, 1: uint16, 2: float */
    float low, scale;
} Image;

typedef struct { /* `origin` is pixel (0, 0); `halo` more are readable on every side */
    float *origin;
    int64_t rows, cols, pitch, halo;
} Plane;

typedef struct {
    int32_t spacing, plane;
    int32_t first, count; /* the scales whose difference lives on this plane */
    int32_t mixed;        /* the first Gaussian also ends scale first-1, which begins at full resolution */
    const float *kernels; /* half kernels, `stride` apart: centre, then one side */
    const int32_t *radius;
    const float *weights; /* item, phase, tap (STRIDE apart); the mixed item first */
} Segment;

typedef struct {
    int32_t scales, full, mixed, full_gaussians, segments, stride;
    const float *factor; /* t_i, with the polarity's sign */
    const float *floor;
    const float *kernels; /* of the Gaussians at full resolution */
    const int32_t *radius;
    const Segment *segment;
    float least; /* of floor */
} Plan;

typedef struct {
    int64_t count, capacity;
    int32_t *y, *x;
    uint8_t *scale;
    float *response;
} Found;

/* ---- rows ---- */

INLINE int64_t mirrored(int64_t i, int64_t n) {
    while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    return i;
}

INLINE float clipped(float v) {
    v = v < 0.f ? 0.f : v;
    return (v > 1.f ? 1.f : v) - .5f;
}

/* Rows an odd number of cache lines apart: a power of two would put a column into one set of the cache. */
INLINE int64_t odd_lines(int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }

INLINE int64_t rounded_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/* The stretched row y, columns [x0, x0 + n), reflected where outside. Centred on 0: float keeps one more bit. */
static void stretched(const Image *im, int64_t y, int64_t x0, int64_t n, float *out) {
    const int64_t row = mirrored(y, im->rows) * im->pitch, cols = im->cols;
    const float low = im->low, scale = im->scale;
    int64_t begin = x0 < 0 ? (-x0 < n ? -x0 : n) : 0, end = x0 + n > cols ? cols - x0 : n;
    if (end < begin) end = begin;
#define STRETCH(PIXEL)                                                                                                 \
    do {                                                                                                               \
        const PIXEL *p = (const PIXEL *)im->pixels + row;                                                              \
        for (int64_t x = begin; x < end; x++) out[x] = clipped(((float)p[x0 + x] - low) * scale);                      \
        for (int64_t x = 0; x < begin; x++) out[x] = clipped(((float)p[mirrored(x0 + x, cols)] - low) * scale);        \
        for (int64_t x = end; x < n; x++) out[x] = clipped(((float)p[mirrored(x0 + x, cols)] - low) * scale);          \
    } while (0)
    if (im->kind == 0) STRETCH(uint8_t);
    else if (im->kind == 1) STRETCH(uint16_t);
    else STRETCH(float);
}

/* out[x] = k[0]*p[x], if `centred`, + sum over j >= 1 of k[j]*(p[x - j*pitch] + q[x + j*pitch]), for N vectors. */
#define DEFINE_SYMMETRIC(N)                                                                                            \
    INLINE void symmetric_##N(int centred, const float *p, const float *q, int64_t pitch, const float *k, int pairs,   \
                              float *out) {                                                                            \
        Vec sum[N];                                                                                                    \
        UNROLLED for (int i = 0; i < N; i++) sum[i] = centred ? k[0] * load(p + i * LANES) : splat(0);                 \
        for (int j = 1; j <= pairs; j++) {                                                                             \
            const Vec w = splat(k[j]);                                                                                 \
            p -= pitch, q += pitch;                                                                                    \
            UNROLLED for (int i = 0; i < N; i++) sum[i] += w * (load(p + i * LANES) + load(q + i * LANES));            \
        }                                                                                                              \
        UNROLLED for (int i = 0; i < N; i++) store(out + i * LANES, sum[i]);                                           \
    }
DEFINE_SYMMETRIC(8)
DEFINE_SYMMETRIC(4)
DEFINE_SYMMETRIC(2)
DEFINE_SYMMETRIC(1)

/* The same for n columns, rounded up to whole vectors. */
INLINE void symmetric(int centred, const float *p, const float *q, int64_t pitch, const float *k, int pairs, float *out,
                      int64_t n) {
    int64_t x = 0;
    for (; x + 8 * LANES <= n; x += 8 * LANES) symmetric_8(centred, p + x, q + x, pitch, k, pairs, out + x);
    if (x + 4 * LANES <= n) symmetric_4(centred, p + x, q + x, pitch, k, pairs, out + x), x += 4 * LANES;
    if (x + 2 * LANES <= n) symmetric_2(centred, p + x, q + x, pitch, k, pairs, out + x), x += 2 * LANES;
    for (; x < n; x += LANES) symmetric_1(centred, p + x, q + x, pitch, k, pairs, out + x);
}

/* Down the columns: `rows` rows of each of `count` Gaussians, into `out`, rows `out_pitch` apart, Gaussians together.
 * `first` is the first column in the first row; all around it is readable. A few columns at a time, because what the
 * rows and the Gaussians read is then still in the first cache. */
static void blurred_down(const float *first, int64_t pitch, int64_t rows, const float *kernels, int stride,
                         const int32_t *radius, int count, float *out, int64_t out_pitch, int64_t n) {
    enum { STRIP = 8 * LANES };
    for (int64_t x = 0; x < n; x += STRIP)
        for (int64_t r = 0; r < rows; r++)
            for (int g = 0; g < count; g++) {
                const float *p = first + r * pitch + x;
                symmetric(1, p, p, pitch, kernels + (int64_t)g * stride, radius[g], out + (r * count + g) * out_pitch + x,
                          n - x < STRIP ? n - x : STRIP);
            }
}

/* Across a row that is readable `radius` to both sides. */
static void blurred_across(const float *p, const float *k, int radius, float *out, int64_t n) {
    symmetric(1, p, p, 1, k, radius, out, n);
}

/* ---- base planes ---- */

enum { CHUNK = 32 }; /* rows that are made of one window of the image */

INLINE int64_t base_reach(int pairs) { return rounded_up(pairs + 1, 16); }

INLINE int64_t base_pitch(const Plane *to, int pairs) { return odd_lines(2 * (to->cols + base_reach(pairs)) + 8 * LANES + 16); }

/* Bytes that `mhfd_base` works in. */
EXPORT int64_t mhfd_base_bytes(const Plane *from, const Plane *to, int pairs) {
    const int64_t rows = from ? 2 : 2 + 2 * CHUNK + 2 * (pairs + 1);
    return (int64_t)sizeof(float) * base_pitch(to, pairs) * rows;
}

/* Rows [start, stop) of `to`, from the image (`from` null) or the next finer plane; with its halo to both sides.
 * k[1..pairs]: an even kernel, k[j] at distance j - 1/2. */
EXPORT void mhfd_base(const Image *im, const Plane *from, const Plane *to, const float *k, int pairs, int64_t start,
                      int64_t stop, float *memory) {
    const int64_t reach = base_reach(pairs), wide = 2 * (to->cols + reach), pitch = base_pitch(to, pairs), above = pairs + 1;
    float *summed = memory, *even = summed + pitch, *odd = even + rounded_up(wide / 2 + 4 * LANES, 16), *image = even + pitch;
    memset(even, 0, sizeof(float) * (size_t)pitch); /* whole vectors are read beyond the last column */
    for (int64_t chunk = start; chunk < stop; chunk += CHUNK) {
        const int64_t end = chunk + CHUNK < stop ? chunk + CHUNK : stop;
        if (!from)
            for (int64_t y = 2 * chunk - above; y < 2 * end + above; y++) {
                float *row = image + (y - 2 * chunk + above) * pitch;
                stretched(im, y, -reach, wide, row);
                memset(row + wide, 0, sizeof(float) * (size_t)(pitch - wide));
            }
        for (int64_t y = chunk; y < end; y++) {
            const float *row = from ? from->origin + 2 * y * from->pitch - reach : image + (2 * (y - chunk) + above) * pitch;
            const int64_t step = from ? from->pitch : pitch;
            symmetric(0, row + step, row, step, k, pairs, summed, wide);
            for (int64_t x = 0; x < wide / 2; x++) even[x] = summed[2 * x], odd[x] = summed[2 * x + 1];
            float *out = to->origin + y * to->pitch;
            for (int64_t x = 0; x < to->cols; x += LANES) {
                const float *e = even + reach / 2 + x, *o = odd + reach / 2 + x;
                Vec sum = splat(0);
                for (int j = 0; j < pairs; j += 2) sum += k[j + 1] * (load(e - j / 2) + load(o + j / 2));
                for (int j = 1; j < pairs; j += 2) sum += k[j + 1] * (load(o - (j + 1) / 2) + load(e + (j + 1) / 2));
                store(out + x, sum);
            }
            for (int64_t x = 1; x <= to->halo; x++) {
                out[-x] = out[mirrored(-x, to->cols)];
                out[to->cols - 1 + x] = out[mirrored(to->cols - 1 + x, to->cols)];
            }
        }
    }
}

/* The rows of the halo, once all others are there. */
EXPORT void mhfd_halo(const Plane *plane) {
    const size_t bytes = sizeof(float) * (size_t)(plane->cols + 2 * plane->halo);
    for (int64_t i = 1; i <= plane->halo; i++)
        for (int side = 0; side < 2; side++) {
            const int64_t y = side ? plane->rows - 1 + i : -i;
            memcpy(plane->origin + y * plane->pitch - plane->halo,
                   plane->origin + mirrored(y, plane->rows) * plane->pitch - plane->halo, bytes);
        }
}

/* ---- interpolation ---- */

/* Across: out[x*S + p] = sum w[p][k] * c[x - TAPS/2 + (p >= S/2) + k] for x in [0, n), n rounded up to whole vectors. */
#define DEFINE_ACROSS(S)                                                                                               \
    static void across_##S(const float *c, const float *w, float *out, int64_t n) {                                    \
        for (int64_t x = 0; x < n; x += LANES) {                                                                       \
            Vec v[TAPS + 1], phase[S], mixed[S];                                                                       \
            UNROLLED for (int k = 0; k <= TAPS; k++) v[k] = load(c + x - TAPS / 2 + k);                                \
            UNROLLED for (int p = 0; p < S; p++) {                                                                     \
                phase[p] = v[p >= S / 2] * w[p * STRIDE];                                                              \
                UNROLLED for (int k = 1; k < TAPS; k++) phase[p] += v[k + (p >= S / 2)] * w[p * STRIDE + k];           \
            }                                                                                                          \
            interleave##S(phase, 1, mixed);                                                                            \
            UNROLLED for (int p = 0; p < S; p++) store(out + x * S + p * LANES, mixed[p]);                             \
        }                                                                                                              \
    }
DEFINE_ACROSS(2)
DEFINE_ACROSS(4)
DEFINE_ACROSS(8)
DEFINE_ACROSS(16)

/* Down: BLOCK rows at one vector of columns, from the coarse rows they need, which are loaded once. At S = 16 a block
 * is half a cell: the caller offsets rows and weights. `near`, if any: the BLOCK rows of L_i of the scale that begins
 * at full resolution; its ring holds -t L_(i+1). */
#define DEFINE_DOWN(S)                                                                                                 \
    INLINE void down_##S(const float *const *rows, int64_t x, const float *w, Vec index, Vec *best, Vec *which,        \
                         const float *near, int64_t pitch, float factor) {                                             \
        enum { ROWS = S == 16 ? TAPS : BLOCK / S + TAPS };                                                             \
        Vec v[ROWS];                                                                                                   \
        UNROLLED for (int k = 0; k < ROWS; k++) v[k] = load(rows[k] + x);                                              \
        UNROLLED for (int y = 0; y < BLOCK; y++) {                                                                     \
            const int p = y % S, at = S == 16 ? 0 : y / S + (p >= S / 2);                                              \
            Vec q = v[at] * w[p * STRIDE];                                                                             \
            if (near) q += load(near + y * pitch + x) * factor;                                                        \
            UNROLLED for (int k = 1; k < TAPS; k++) q += v[at + k] * w[p * STRIDE + k];                                \
            keep_greater(q, index, best + y, which + y);                                                               \
        }                                                                                                              \
    }
DEFINE_DOWN(2)
DEFINE_DOWN(4)
DEFINE_DOWN(8)
DEFINE_DOWN(16)

/* ---- one tile ---- */

typedef struct { /* one interpolated scale: a ring of coarse rows, as wide as the tile */
    int32_t scale, spacing, mixed;
    const float *weights;
    float *ring;
    const float *rows[BLOCK + TAPS]; /* those that the block needs, in order */
    const float *phase;              /* weights, offset for the block */
} Item;

typedef struct {
    int64_t next, slots; /* the coarse row to make next; rows in each ring */
    int64_t margin;      /* what its widest Gaussian reads to a side, in whole cache lines */
} Progress;

/* Rows of a ring: those that one block reads. */
INLINE int slots_of(int spacing) { return (spacing < BLOCK ? BLOCK / spacing : 1) + TAPS; }

static void across(int spacing, const float *c, const float *w, float *out, int64_t n) {
    switch (spacing) {
    case 2: across_2(c, w, out, n); break;
    case 4: across_4(c, w, out, n); break;
    case 8: across_8(c, w, out, n); break;
    default: across_16(c, w, out, n); break;
    }
}

static int append(Found *f, int64_t y, int64_t x, int scale, float response) {
    if (f->count == f->capacity) {
        int64_t capacity = f->capacity ? 2 * f->capacity : 4096;
        void *p;
        if (!(p = realloc(f->y, sizeof(int32_t) * (size_t)capacity))) return 1;
        f->y = p;
        if (!(p = realloc(f->x, sizeof(int32_t) * (size_t)capacity))) return 1;
        f->x = p;
        if (!(p = realloc(f->scale, (size_t)capacity))) return 1;
        f->scale = p;
        if (!(p = realloc(f->response, sizeof(float) * (size_t)capacity))) return 1;
        f->response = p;
        f->capacity = capacity;
    }
    f->y[f->count] = (int32_t)y, f->x[f->count] = (int32_t)x;
    f->scale[f->count] = (uint8_t)scale, f->response[f->count] = response;
    f->count++;
    return 0;
}

EXPORT void mhfd_free(Found *f) {
    free(f->y), free(f->x), free(f->scale), free(f->response);
    memset(f, 0, sizeof *f);
}

/* The 3x3 maxima of one row, columns [from, to) of the tile: `m` and its neighbours are `pitch` apart. */
static int maxima(const float *m, const float *which, int64_t pitch, int64_t from, int64_t to, int64_t y, int64_t left,
                  const Plan *plan, uint8_t *flag, Found *found) {
    const float least = plan->least, *up = m - pitch, *below = m + pitch;
    for (int64_t x = from; x < to; x++) {
        float v = m[x], a = m[x - 1] > m[x + 1] ? m[x - 1] : m[x + 1], b = up[x - 1] > up[x + 1] ? up[x - 1] : up[x + 1];
        float c = below[x - 1] > below[x + 1] ? below[x - 1] : below[x + 1], d = up[x] > below[x] ? up[x] : below[x];
        a = a > b ? a : b, c = c > d ? c : d, a = a > c ? a : c;
        flag[x] = (v >= a) & (v > least);
    }
    memset(flag + to, 0, 8);
    for (int64_t x = from; x < to; x += 8) {
        uint64_t some;
        memcpy(&some, flag + x, 8);
        if (!some) continue;
        for (int64_t i = x; i < x + 8; i++)
            if (flag[i]) {
                const int scale = (int)which[i];
                if (m[i] > plan->floor[scale] && append(found, y, left + i, scale, m[i])) return 1;
            }
    }
    return 0;
}

typedef struct { /* what is computed of a tile, and where in the memory that is lent */
    int64_t y0, x0, y_last, x_last, width, pitch;
    int64_t window, reach;                /* rows and columns of the image that the Gaussians at full resolution read */
    int64_t image_rows, image_pitch, row; /* `row`: of scratch */
    int64_t rings, bytes;                 /* `rings`: rows of all of them */
    int items, most;                      /* interpolated scales; rows of scratch */
} Layout;

static Layout layout(const Image *im, const Plan *plan, int64_t top, int64_t bottom, int64_t left, int64_t right) {
    /* What is computed: one pixel more on each side that is inside the image, in whole blocks and vectors. */
    Layout l = {.y0 = (top ? top - 1 : 0) / BLOCK * BLOCK, .x0 = (left ? left - 1 : 0) / 16 * 16, .most = BLOCK};
    l.y_last = bottom < im->rows ? bottom : im->rows - 1, l.x_last = right < im->cols ? right : im->cols - 1;
    l.width = (l.x_last - l.x0) / 16 * 16 + 16;
    l.pitch = odd_lines(l.width + 16 * LANES + 16);
    for (int g = 0; g < plan->full_gaussians; g++) l.window = plan->radius[g] > l.window ? plan->radius[g] : l.window;
    l.reach = rounded_up(l.window, 16);
    int64_t widest = l.reach;
    for (int i = 0; i < plan->segments; i++) {
        const Segment *seg = plan->segment + i;
        for (int g = 0; g <= seg->count; g++) widest = seg->radius[g] > widest ? seg->radius[g] : widest;
        l.most = l.most > BATCH * (seg->count + 1) ? l.most : BATCH * (seg->count + 1);
        l.items += seg->count + seg->mixed;
        l.rings += (int64_t)(seg->count + seg->mixed) * slots_of(seg->spacing);
    }
    l.image_rows = plan->full_gaussians ? WINDOW + 2 * l.window : 0;
    l.image_pitch = odd_lines(l.width + 2 * l.reach + 9 * LANES);
    l.row = odd_lines(l.pitch + 2 * rounded_up(widest, 16) + PAD + 9 * LANES);
    const int64_t rows = (int64_t)plan->full_gaussians * BLOCK + l.rings + 2 * (BLOCK + 3);
    l.bytes = (int64_t)sizeof(float) * (l.image_rows * l.image_pitch + rows * l.pitch + (3 + l.most) * l.row + 64) + 128;
    return l;
}

/* Bytes that `mhfd_detect` works in. */
EXPORT int64_t mhfd_detect_bytes(const Image *im, const Plan *plan, int64_t top, int64_t bottom, int64_t left, int64_t right) {
    return layout(im, plan, top, bottom, left, right).bytes;
}

/* The maxima with rows in [top, bottom) and columns in [left, right), ordered. `memory` begins at a cache line. Returns
 * 0, or 1 where memory is short. */
EXPORT int mhfd_detect(const Image *im, const Plane *planes, const Plan *plan, int64_t top, int64_t bottom, int64_t left,
                       int64_t right, float *memory, Found *found) {
    const Layout l = layout(im, plan, top, bottom, left, right);
    const int64_t y0 = l.y0, x0 = l.x0, y_last = l.y_last, width = l.width, pitch = l.pitch, row = l.row;
    const int64_t window = l.window, reach = l.reach, image_pitch = l.image_pitch;
    const int items = l.items;
    Item *item = malloc(sizeof(Item) * (size_t)(items + 1));
    Progress *progress = malloc(sizeof(Progress) * (size_t)(plan->segments + 1));
    uint8_t *flag = malloc((size_t)pitch + 64);
    int failed = !item || !progress || !flag;
    if (failed) goto done;

    float *image = memory, *full = image + l.image_rows * image_pitch;
    float *ring = full + (int64_t)plan->full_gaussians * BLOCK * pitch;
    float *best = ring + l.rings * pitch + 16, *which = best + (BLOCK + 3) * pitch; /* 2 rows of the last block first */
    float *scratch = which + (BLOCK + 3) * pitch, *line = scratch + l.most * row, *last = line + row, *difference = last + row;
    for (int64_t i = -1; i < pitch - 1; i++) /* above the first row, below a last block */
        best[i] = best[pitch + i] = best[(BLOCK + 2) * pitch + i] = -INFINITY;

    for (int i = 0, at = 0; i < plan->segments; i++) {
        const Segment *seg = plan->segment + i;
        progress[i].slots = slots_of(seg->spacing);
        progress[i].next = y0 / seg->spacing - TAPS / 2;
        progress[i].margin = 0;
        for (int g = 0; g <= seg->count; g++)
            if (seg->radius[g] > progress[i].margin) progress[i].margin = rounded_up(seg->radius[g], 16);
        for (int e = 0; e < seg->count + seg->mixed; e++, at++) {
            item[at].mixed = seg->mixed && e == 0;
            item[at].scale = seg->first + e - seg->mixed;
            item[at].spacing = seg->spacing;
            item[at].weights = seg->weights + (int64_t)e * seg->spacing * STRIDE;
            item[at].ring = ring;
            ring += progress[i].slots * pitch;
        }
    }

    int64_t have = y0 - window, first = y0; /* the next image row to stretch; the first that the window is for */
    for (int64_t y = y0; y <= y_last; y += BLOCK) {
        /* Full resolution: the image rows are kept in a window that slides by a block. */
        if (plan->full_gaussians) {
            if (y + BLOCK - first > WINDOW) {
                memmove(image, image + (y - first) * image_pitch, sizeof(float) * (size_t)(2 * window * image_pitch));
                first = y;
            }
            for (; have < y + BLOCK + window; have++)
                stretched(im, have, x0 - reach, width + 2 * reach, image + (have - first + window) * image_pitch);
            for (int g = 0; g < plan->full_gaussians; g++) {
                const float *k = plan->kernels + (int64_t)g * plan->stride;
                blurred_down(image + (y - first + window) * image_pitch, image_pitch, BLOCK, k, 0, plan->radius + g, 1,
                             scratch, row, width + 2 * reach);
                for (int r = 0; r < BLOCK; r++)
                    blurred_across(scratch + r * row + reach, k, plan->radius[g], full + ((int64_t)g * BLOCK + r) * pitch,
                                   width);
            }
        }
        /* Base planes: make the coarse rows that this block is the first to need. */
        for (int i = 0, at = 0; i < plan->segments; at += plan->segment[i].count + plan->segment[i].mixed, i++) {
            const Segment *seg = plan->segment + i;
            const Plane *plane = planes + seg->plane;
            const int64_t s = seg->spacing, slots = progress[i].slots, origin = y0 / s - TAPS / 2;
            const int64_t c0 = x0 / s - PAD, n = rounded_up(width / s, LANES), m = n + PAD + TAPS / 2;
            const int64_t until = y / s + (s < BLOCK ? BLOCK / s : 1) + TAPS / 2;
            for (int64_t rows; (rows = until - progress[i].next) > 0; progress[i].next += rows) {
                if (rows > BATCH) rows = BATCH;
                blurred_down(plane->origin + progress[i].next * plane->pitch + c0 - progress[i].margin, plane->pitch, rows,
                             seg->kernels, plan->stride, seg->radius, seg->count + 1, scratch, row, m + 2 * progress[i].margin);
                for (int64_t r = 0; r < rows; r++)
                    for (int g = 0; g <= seg->count; g++) {
                        blurred_across(scratch + (r * (seg->count + 1) + g) * row + progress[i].margin,
                                       seg->kernels + (int64_t)g * plan->stride, seg->radius[g], line, m);
                        if (g || seg->mixed) {
                            const Item *it = item + at + (g ? g - 1 + seg->mixed : 0);
                            const Vec t = splat(plan->factor[it->scale]);
                            for (int64_t x = 0; x < m; x += LANES)
                                store(difference + x, g ? t * (load(last + x) - load(line + x)) : -t * load(line + x));
                            const int64_t slot = (progress[i].next + r - origin) % slots;
                            across((int)s, difference + PAD, it->weights, it->ring + slot * pitch, width / s);
                        }
                        float *swap = last;
                        last = line, line = swap;
                    }
            }
            const int half = s == 16 && y % 16 ? 1 : 0;
            for (int e = 0; e < seg->count + seg->mixed; e++) {
                Item *it = item + at + e;
                it->phase = it->weights + half * BLOCK * STRIDE;
                for (int64_t k = 0; k < (s < BLOCK ? BLOCK / s : 1) + TAPS - (s == 16); k++)
                    it->rows[k] = it->ring + (y / s - TAPS / 2 + half + k - origin) % slots * pitch;
            }
        }
        /* Every scale at once: maximum and index stay in registers. */
        for (int64_t x = 0; x < width; x += LANES) {
            Vec m[BLOCK], a[BLOCK];
            UNROLLED for (int r = 0; r < BLOCK; r++) m[r] = splat(-INFINITY), a[r] = splat(0);
            for (int i = 0; i < plan->full - plan->mixed; i++) {
                const Vec t = splat(plan->factor[i]), index = splat((float)i);
                const float *p = full + (int64_t)i * BLOCK * pitch + x;
                UNROLLED for (int r = 0; r < BLOCK; r++)
                    keep_greater(t * (load(p + r * pitch) - load(p + (r + BLOCK) * pitch)), index, m + r, a + r);
            }
            for (int i = 0; i < items; i++) {
                const Item *it = item + i;
                const Vec index = splat((float)it->scale);
                const float *near = full + (int64_t)it->scale * BLOCK * pitch, factor = plan->factor[it->scale];
                switch (it->spacing + it->mixed) {
                case 2: down_2(it->rows, x, it->phase, index, m, a, 0, 0, 0); break;
                case 3: down_2(it->rows, x, it->phase, index, m, a, near, pitch, factor); break;
                case 4: down_4(it->rows, x, it->phase, index, m, a, 0, 0, 0); break;
                case 5: down_4(it->rows, x, it->phase, index, m, a, near, pitch, factor); break;
                case 8: down_8(it->rows, x, it->phase, index, m, a, 0, 0, 0); break;
                case 9: down_8(it->rows, x, it->phase, index, m, a, near, pitch, factor); break;
                case 16: down_16(it->rows, x, it->phase, index, m, a, 0, 0, 0); break;
                case 17: down_16(it->rows, x, it->phase, index, m, a, near, pitch, factor); break;
                }
            }
            UNROLLED for (int r = 0; r < BLOCK; r++)
                store(best + (r + 2) * pitch + x, m[r]), store(which + (r + 2) * pitch + x, a[r]);
        }
        for (int r = 2; r < BLOCK + 2; r++) { /* nothing outside the image is anyone's neighbour */
            float *line_of = best + r * pitch;
            const int64_t inside = y + r - 2 < im->rows ? im->cols - x0 : 0;
            if (x0 == 0) line_of[-1] = -INFINITY;
            for (int64_t x = inside; x < width + 1; x++) line_of[x] = -INFINITY;
        }
        const int64_t from = (top > y - 1 ? top : y - 1), end = y + BLOCK > y_last ? bottom : y + BLOCK - 1;
        for (int64_t r = from; r < end && r < bottom; r++)
            if (maxima(best + (r - y + 2) * pitch, which + (r - y + 2) * pitch, pitch, left - x0, right - x0, r, x0, plan, flag,
                       found)) {
                failed = 1;
                goto done;
            }
        memcpy(best - 1, best - 1 + BLOCK * pitch, sizeof(float) * (size_t)(2 * pitch));
        memcpy(which, which + BLOCK * pitch, sizeof(float) * (size_t)(2 * pitch));
    }
done:
    free(item), free(progress), free(flag);
    return failed;
}
