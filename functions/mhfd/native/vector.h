/* Vectors of floats as wide as the processor's, from the compilers' own vector extension.
 *
 * One source serves every instruction level: -march decides. Only "keep the greater" needs an intrinsic, because no
 * portable spelling of it becomes a blend in every compiler.
 */
#ifndef MHFD_VECTOR_H
#define MHFD_VECTOR_H

#include <stdint.h>

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

typedef float Vec __attribute__((vector_size(LANES * 4)));
typedef float LooseVec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int32_t VecMask __attribute__((vector_size(LANES * 4)));

/* Arrays of vectors stay in registers only where the loops over them are gone. */
#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#else
#define UNROLLED _Pragma("GCC unroll 16")
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE Vec load(const float *p) { return *(const LooseVec *)p; }
INLINE void store(float *p, Vec v) { *(LooseVec *)p = v; }
INLINE Vec splat(float f) { return (Vec){0} + f; }


/* Where `q` exceeds `*best`, take it and its index. The first of equals stays. */
INLINE void keep_greater(Vec q, Vec index, Vec *best, Vec *which) {
#if defined(__AVX512F__)
    __mmask16 more = _mm512_cmp_ps_mask((__m512)q, (__m512)*best, _CMP_GT_OQ);
    *best = (Vec)_mm512_max_ps((__m512)q, (__m512)*best);
    *which = (Vec)_mm512_mask_mov_ps((__m512)*which, more, (__m512)index);
#elif defined(__AVX__)
    __m256 more = _mm256_cmp_ps((__m256)q, (__m256)*best, _CMP_GT_OQ);
    *best = (Vec)_mm256_max_ps((__m256)q, (__m256)*best);
    *which = (Vec)_mm256_blendv_ps((__m256)*which, (__m256)index, more);
#elif defined(__SSE4_1__)
    __m128 more = _mm_cmpgt_ps((__m128)q, (__m128)*best);
    *best = (Vec)_mm_max_ps((__m128)q, (__m128)*best);
    *which = (Vec)_mm_blendv_ps((__m128)*which, (__m128)index, more);
#else
    VecMask more = q > *best;
    *best = (Vec)(((VecMask)q & more) | ((VecMask)*best & ~more));
    *which = (Vec)(((VecMask)index & more) | ((VecMask)*which & ~more));
#endif
}

/* The lanes of two vectors in turn: a0 b0 a1 b1 ..., first and second half. */
#if defined(__AVX512F__)
#define LOW_ORDER 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_ORDER 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__AVX__)
#define LOW_ORDER 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_ORDER 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOW_ORDER 0, 4, 1, 5
#define HIGH_ORDER 2, 6, 3, 7
#endif
#if defined(__clang__)
INLINE Vec zip_low(Vec a, Vec b) { return __builtin_shufflevector(a, b, LOW_ORDER); }
INLINE Vec zip_high(Vec a, Vec b) { return __builtin_shufflevector(a, b, HIGH_ORDER); }
#else
INLINE Vec zip_low(Vec a, Vec b) { return __builtin_shuffle(a, b, (VecMask){LOW_ORDER}); }
INLINE Vec zip_high(Vec a, Vec b) { return __builtin_shuffle(a, b, (VecMask){HIGH_ORDER}); }
#endif

/* out[i*s + p] = phase[p][i]: s vectors interleaved lane by lane, s = 2, 4, 8 or 16. */
INLINE void interleave2(const Vec *p, int stride, Vec *out) {
    out[0] = zip_low(p[0], p[stride]), out[1] = zip_high(p[0], p[stride]);
}
#define DEFINE_INTERLEAVE(S, HALF)                                                                                     \
    INLINE void interleave##S(const Vec *p, int stride, Vec *out) {                                                    \
        Vec even[HALF], odd[HALF];                                                                                     \
        interleave##HALF(p, 2 * stride, even);                                                                         \
        interleave##HALF(p + stride, 2 * stride, odd);                                                                 \
        UNROLLED for (int i = 0; i < HALF; i++)                                                                        \
            out[2 * i] = zip_low(even[i], odd[i]), out[2 * i + 1] = zip_high(even[i], odd[i]);                         \
    }
DEFINE_INTERLEAVE(4, 2)
DEFINE_INTERLEAVE(8, 4)
DEFINE_INTERLEAVE(16, 8)

#endif
