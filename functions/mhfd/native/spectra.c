/* Power spectra of blocks of an image, folded into the sums that are asked for.
 *
 * A lane is a block: so many blocks are transformed at once as a vector has lanes, each by the same operations in the
 * same order, so that what a block gives does not depend on the others. Rows go two at a time, as the parts of complex
 * numbers. A column's power is summed as soon as it is there: no spectrum is ever whole. Which frequencies are summed
 * together is the caller's (measure/spectra.py); nothing here allocates, knows threads or Python.
 */
#include "mhfd.h"
#include "vector.h"

enum { SIDE = 128, HALF = SIDE / 2, LINE = HALF + 1 };

typedef struct {
    Vec re, im;
} Complex;

typedef struct { /* some blocks, one a lane; lanes that are left over hold the last of them again */
    const void *first[LANES]; /* their upper left pixels */
    float mean[LANES];
    int64_t pitch;
    int32_t kind; /* 0: uint8, 1: uint16, 2: float */
} Blocks;

INLINE Complex plus(Complex a, Complex b) { return (Complex){a.re + b.re, a.im + b.im}; }
INLINE Complex minus(Complex a, Complex b) { return (Complex){a.re - b.re, a.im - b.im}; }
INLINE Complex times_i(Complex a) { return (Complex){-a.im, a.re}; }
INLINE Complex times(Complex a, float re, float im) {
    return (Complex){a.re * re - a.im * im, a.re * im + a.im * re};
}

/* ---- the transform of 128 complex numbers: 4 x 4 x 8, each pass in order (Stockham) ---- */

/* `step`: between two numbers of x. `m`: numbers a quarter, `s`: transforms that are interleaved; 4 m s = 128. */
INLINE void pass4(const Complex *x, int step, int m, int s, const float *roots, Complex *y) {
    for (int p = 0; p < m; p++) {
        const float *w1 = roots + 2 * p * s, *w2 = roots + 4 * p * s, *w3 = roots + 6 * p * s;
        for (int q = 0; q < s; q++) {
            const Complex *from = x + (q + s * p) * step;
            const Complex a = from[0], b = from[s * m * step], c = from[2 * s * m * step], d = from[3 * s * m * step];
            const Complex even = plus(a, c), odd = minus(a, c), other = plus(b, d), turned = times_i(minus(b, d));
            Complex *to = y + q + s * 4 * p;
            to[0] = plus(even, other);
            to[s] = times(minus(odd, turned), w1[0], w1[1]);
            to[2 * s] = times(minus(even, other), w2[0], w2[1]);
            to[3 * s] = times(plus(odd, turned), w3[0], w3[1]);
        }
    }
}

INLINE void four(Complex a, Complex b, Complex c, Complex d, Complex *out) {
    const Complex even = plus(a, c), odd = minus(a, c), other = plus(b, d), turned = times_i(minus(b, d));
    out[0] = plus(even, other), out[1] = minus(odd, turned), out[2] = minus(even, other), out[3] = plus(odd, turned);
}

INLINE void pass8(const Complex *x, Complex *y) {
    const float r = .70710678118654752f;
    for (int q = 0; q < 16; q++) {
        const Complex *f = x + q;
        Complex even[4], odd[4];
        four(f[0], f[32], f[64], f[96], even);
        four(f[16], f[48], f[80], f[112], odd);
        odd[1] = times(odd[1], r, -r);
        odd[2] = (Complex){odd[2].im, -odd[2].re};
        odd[3] = times(odd[3], -r, -r);
        UNROLLED for (int k = 0; k < 4; k++) {
            y[q + 16 * k] = plus(even[k], odd[k]);
            y[q + 16 * (k + 4)] = minus(even[k], odd[k]);
        }
    }
}

/* In `a`, which x is not; `b` holds something else on the way and may be x. */
static void transform(const Complex *x, int step, const float *roots, Complex *a, Complex *b) {
    pass4(x, step, 32, 1, roots, a);
    pass4(a, 1, 8, 4, roots, b);
    pass8(b, a);
}

/* ---- pixels ---- */

/* One line of a block. A plain loop: vectors of bytes are what compilers convert one by one. */
INLINE void wide_line(const Blocks *b, int lane, int64_t y, float *out) {
#define WIDEN(PIXEL)                                                                                                   \
    do {                                                                                                               \
        const PIXEL *p = (const PIXEL *)b->first[lane] + y * b->pitch;                                                 \
        for (int x = 0; x < SIDE; x++) out[x] = (float)p[x];                                                           \
    } while (0)
    if (b->kind == 0) WIDEN(uint8_t);
    else if (b->kind == 1) WIDEN(uint16_t);
    else WIDEN(float);
}

static void find_means(Blocks *b) {
    float wide[SIDE];
    for (int lane = 0; lane < LANES; lane++) {
        double whole = 0;
        for (int64_t y = 0; y < SIDE; y++) {
            Vec sum = splat(0); /* whole grey values of a line are exact in a float */
            wide_line(b, lane, y, wide);
            for (int x = 0; x < SIDE; x += LANES) sum += load(wide + x);
            for (int i = 0; i < LANES; i++) whole += (double)sum[i];
        }
        b->mean[lane] = (float)(whole / (SIDE * SIDE));
    }
}

/* Line y of each block without its mean, windowed: one pixel of all blocks after the other, `stride` vectors apart. */
INLINE void line_of(const Blocks *b, int64_t y, const float *window, Vec *out, int stride) {
    float wide[LANES][SIDE];
    for (int lane = 0; lane < LANES; lane++) wide_line(b, lane, y, wide[lane]);
    for (int x = 0; x < SIDE; x += LANES) {
        Vec own[16], turned[16];
        UNROLLED for (int lane = 0; lane < LANES; lane++) own[lane] = load(wide[lane] + x) - splat(b->mean[lane]);
        if (LANES == 16) interleave16(own, 1, turned);
        else if (LANES == 8) interleave8(own, 1, turned);
        else interleave4(own, 1, turned);
        UNROLLED for (int i = 0; i < LANES; i++) out[(x + i) * stride] = turned[i] * splat(window[y] * window[x + i]);
    }
}

/* Two lines at once: the spectrum of a + ib holds those of a and of b. */
static void two_lines(const Blocks *b, int64_t y, const float *window, const float *roots, Complex *room,
                      Complex *half) {
    Complex *z = room + SIDE;
    line_of(b, y, window, &room->re, 2);
    line_of(b, y + 1, window, &room->im, 2);
    transform(room, 1, roots, z, room);
    Complex *one = half + y * LINE, *other = one + LINE;
    for (int k = 0; k < LINE; k++) {
        const Complex p = z[k], n = z[(SIDE - k) % SIDE];
        one[k] = (Complex){(p.re + n.re) * .5f, (p.im - n.im) * .5f};
        other[k] = (Complex){(p.im + n.im) * .5f, (n.re - p.re) * .5f};
    }
}

/* ---- what is called ---- */

/* How many floats of room `mhfd_spectra` needs. */
EXPORT int64_t mhfd_spectra_room(int32_t groups) {
    return (int64_t)LANES * (2 * SIDE * LINE + 4 * SIDE + SIDE + groups + LINE) + 16;
}

/* `starts`: the index of each block's first pixel. `labels`: by (kx, ky), the group of each frequency. `far`: from
 * which frequency of one axis on it is summed for each frequency of the other: `along` (count, 65), `across` too. */
EXPORT void mhfd_spectra(const void *pixels, int64_t pitch, int32_t kind, const int64_t *starts, int64_t count,
                         const float *window, const float *roots, const uint16_t *labels, int32_t groups, int32_t far,
                         float *room, float *sums, float *along, float *across) {
    room += (64 - (uintptr_t)room % 64) % 64 / sizeof(float);
    Complex *half = (Complex *)room, *work = half + SIDE * LINE;
    Vec *edge = (Vec *)(work + 2 * SIDE), *group = edge + SIDE, *line = group + groups;
    static const int bytes[] = {1, 2, 4};
    for (int64_t done = 0; done < count; done += LANES) {
        const int filled = count - done < LANES ? (int)(count - done) : LANES;
        Blocks b = {.pitch = pitch, .kind = kind};
        for (int lane = 0; lane < LANES; lane++)
            b.first[lane] = (const char *)pixels + starts[done + (lane < filled ? lane : filled - 1)] * bytes[kind];
        find_means(&b);
        for (int64_t y = 0; y < SIDE; y += 2) two_lines(&b, y, window, roots, work, half);
        for (int i = 0; i < SIDE; i++) edge[i] = splat(0);
        for (int i = 0; i < groups; i++) group[i] = splat(0);
        for (int kx = 0; kx < LINE; kx++) {
            Complex *column = work + SIDE;
            transform(half + kx, LINE, roots, column, work);
            const uint16_t *label = labels + kx * SIDE;
            Vec total = splat(0);
            for (int ky = 0; ky < SIDE; ky++) {
                const Vec power = column[ky].re * column[ky].re + column[ky].im * column[ky].im;
                group[label[ky]] += power;
                if (ky >= far && ky <= SIDE - far) total += power;
                if (kx >= far) edge[ky] += power;
            }
            line[kx] = total * splat(1.f / (float)(SIDE - 2 * far + 1));
        }
        for (int lane = 0; lane < filled; lane++) {
            const int64_t at = done + lane;
            for (int i = 0; i < groups; i++) sums[at * groups + i] = group[i][lane];
            for (int k = 0; k < LINE; k++) {
                along[at * LINE + k] = line[k][lane];
                across[at * LINE + k] =
                    (edge[k][lane] + edge[(SIDE - k) % SIDE][lane]) * (.5f / (float)(HALF - far + 1));
            }
        }
    }
}
