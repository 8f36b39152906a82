#pragma once
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

// What Swift's SIMD types lack, or compile to a loop over lanes: widening narrow numbers, transposing or summing a
// square of lanes, powers of two, and dot products of bfloat16 pairs. Every function is static inline, so that each instruction set's target has its own.

/// Asks for the memory at `address` to be brought into the second-level cache; any address is allowed.
static inline __attribute__((always_inline)) void flashfuse_prefetch(const void *address) {
  __builtin_prefetch(address, 0, 2);
}

/// Asks for the memory at `address` to be brought into the first-level cache; any address is allowed.
static inline __attribute__((always_inline)) void flashfuse_prefetch_near(const void *address) {
  __builtin_prefetch(address);
}

/// Asks for the memory at `address` to be brought into the first-level cache for writing; any address is allowed.
static inline __attribute__((always_inline)) void flashfuse_prefetch_for_writing(const void *address) {
  __builtin_prefetch(address, 1, 3);
}

#define FLASHFUSE_DEFINE_VECTORS(N)                                          \
  typedef float flashfuse_float##N __attribute__((ext_vector_type(N)));        \
  typedef unsigned int flashfuse_word##N __attribute__((ext_vector_type(N)));  \
  typedef unsigned short flashfuse_half##N __attribute__((ext_vector_type(N))); \
  typedef unsigned char flashfuse_byte##N __attribute__((ext_vector_type(N)));

FLASHFUSE_DEFINE_VECTORS(4)
FLASHFUSE_DEFINE_VECTORS(8)
FLASHFUSE_DEFINE_VECTORS(16)

#if defined(__F16C__)
typedef _Float16 flashfuse_float16_8 __attribute__((ext_vector_type(8)));
typedef _Float16 flashfuse_float16_16 __attribute__((ext_vector_type(16)));
typedef _Float16 flashfuse_float16_4 __attribute__((ext_vector_type(4)));
#define FLASHFUSE_FROM_FLOAT16(N, v) \
  __builtin_convertvector((flashfuse_float16_##N)(v), flashfuse_float##N)
#define FLASHFUSE_TO_FLOAT16(N, v) ((flashfuse_half##N)__builtin_convertvector(v, flashfuse_float16_##N))
#else
// Multiplying by 2^112 moves the exponent's bias from 15 to 127, subnormal numbers included; infinities and NaN keep
// all bits of their exponent.
#define FLASHFUSE_FROM_FLOAT16(N, v)                                                                        \
  ({                                                                                                        \
    flashfuse_word##N words = __builtin_convertvector(v, flashfuse_word##N);                                \
    flashfuse_word##N magnitude = (words & 0x7fff) << 13;                                                   \
    flashfuse_word##N scaled = (flashfuse_word##N)((flashfuse_float##N)magnitude * 0x1p112f);               \
    flashfuse_word##N isSpecial = (flashfuse_word##N)(magnitude >= 0x0f800000);                             \
    flashfuse_word##N special = magnitude | 0x7f800000;                                                     \
    (flashfuse_float##N)((isSpecial & special) | (~isSpecial & scaled) | (words & 0x8000) << 16);           \
  })
// Rounds to nearest, ties to even. The spacing of floats at 1/2 is that of subnormal halves, so an addition rounds those.
#define FLASHFUSE_TO_FLOAT16(N, v)                                                                          \
  ({                                                                                                        \
    flashfuse_word##N words = (flashfuse_word##N)(v);                                                       \
    flashfuse_word##N magnitude = words & 0x7fffffff;                                                       \
    flashfuse_word##N isNaN = (flashfuse_word##N)(magnitude > 0x7f800000);                                  \
    flashfuse_word##N isLarge = (flashfuse_word##N)(magnitude >= 0x47800000);                               \
    flashfuse_word##N isSmall = (flashfuse_word##N)(magnitude < 0x38800000);                                \
    flashfuse_word##N small = (flashfuse_word##N)((flashfuse_float##N)magnitude + 0.5f) - 0x3f000000;       \
    flashfuse_word##N normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;              \
    flashfuse_word##N finite = (isSmall & small) | (~isSmall & normal);                                     \
    flashfuse_word##N half = (isLarge & (0x7c00 | (isNaN & 0x200))) | (~isLarge & finite);                  \
    __builtin_convertvector(half | (words >> 16 & 0x8000), flashfuse_half##N);                              \
  })
#endif

// Powers of two. `whole` is the nearest integer to x, infinities and NaN themselves; `scale` is v · 2^x for whole x, 0 where
// that is below the smallest normal number even if v is NaN.
#define FLASHFUSE_WHOLE(N, x) (((x) + 12582912.0f) - 12582912.0f)
#define FLASHFUSE_SCALE(N, v, x)                                                                            \
  ({                                                                                                        \
    /* Adding 1.5 · 2²³ leaves the nearest integer in the low bits. */                                      \
    flashfuse_word##N bits = (flashfuse_word##N)(x + 12582912.0f) + 127;                                    \
    flashfuse_word##N isNormal = ~(flashfuse_word##N)(x < -126.5f);                                         \
    (flashfuse_float##N)((flashfuse_word##N)(v * (flashfuse_float##N)(bits << 23)) & isNormal);             \
  })

// A word holds two bfloat16: the first in its low half. `dot` adds the two products of each lane's pairs to c.
#define FLASHFUSE_LOW_PART(N, v) ((flashfuse_float##N)((flashfuse_word##N)(v) << 16))
#define FLASHFUSE_HIGH_PART(N, v) ((flashfuse_float##N)((flashfuse_word##N)(v) & 0xffff0000))
#define FLASHFUSE_DOT(N, a, b, c)                                                                           \
  (FLASHFUSE_LOW_PART(N, a) * FLASHFUSE_LOW_PART(N, b) + (FLASHFUSE_HIGH_PART(N, a) * FLASHFUSE_HIGH_PART(N, b) + c))
#define FLASHFUSE_ROUND_TO_HIGH(N, v)                                                                       \
  ({                                                                                                        \
    flashfuse_word##N bits = (flashfuse_word##N)(v);                                                        \
    flashfuse_word##N isNaN = (flashfuse_word##N)(v != v);                                                  \
    (isNaN & (bits | 0x400000)) | (~isNaN & (bits + 0x7fff + (bits >> 16 & 1)));                            \
  })
#define FLASHFUSE_PACK(N, first, second)                                                                    \
  ((flashfuse_float##N)(FLASHFUSE_ROUND_TO_HIGH(N, first) >> 16 |                                           \
                        (FLASHFUSE_ROUND_TO_HIGH(N, second) & 0xffff0000)))

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define FLASHFUSE_WHOLE16(x) ((flashfuse_float16)_mm512_roundscale_ps((__m512)(x), 0))
#define FLASHFUSE_SCALE16(v, x) ((flashfuse_float16)_mm512_scalef_ps((__m512)(v), (__m512)(x)))
#else
#define FLASHFUSE_WHOLE16(x) FLASHFUSE_WHOLE(16, x)
#define FLASHFUSE_SCALE16(v, x) FLASHFUSE_SCALE(16, v, x)
#endif
#if defined(__AVX512BF16__)
#define FLASHFUSE_DOT16(a, b, c) \
  ((flashfuse_float16)_mm512_dpbf16_ps((__m512)(c), (__m512bh)(__m512)(a), (__m512bh)(__m512)(b)))
#define FLASHFUSE_PACK16(first, second) flashfuse_interleave((__m512i)_mm512_cvtne2ps_pbh((__m512)(second), (__m512)(first)))
static inline __attribute__((always_inline)) flashfuse_float16 flashfuse_interleave(__m512i halves) {
  typedef short halves32 __attribute__((vector_size(64)));
  halves32 v = (halves32)halves;
  return (flashfuse_float16)__builtin_shufflevector(
      v, v, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14,
      30, 15, 31);
}
#else
#define FLASHFUSE_DOT16(a, b, c) FLASHFUSE_DOT(16, a, b, c)
#define FLASHFUSE_PACK16(first, second) FLASHFUSE_PACK(16, first, second)
#endif
#define FLASHFUSE_WHOLE4(x) FLASHFUSE_WHOLE(4, x)
#define FLASHFUSE_WHOLE8(x) FLASHFUSE_WHOLE(8, x)
#define FLASHFUSE_SCALE4(v, x) FLASHFUSE_SCALE(4, v, x)
#define FLASHFUSE_SCALE8(v, x) FLASHFUSE_SCALE(8, v, x)
#define FLASHFUSE_DOT4(a, b, c) FLASHFUSE_DOT(4, a, b, c)
#define FLASHFUSE_DOT8(a, b, c) FLASHFUSE_DOT(8, a, b, c)
#define FLASHFUSE_PACK4(first, second) FLASHFUSE_PACK(4, first, second)
#define FLASHFUSE_PACK8(first, second) FLASHFUSE_PACK(8, first, second)

#define FLASHFUSE_DEFINE_LANES(N)                                                                              \
  static inline __attribute__((always_inline)) flashfuse_word##N flashfuse_widen_half##N(flashfuse_half##N v) { \
    return __builtin_convertvector(v, flashfuse_word##N);                                                      \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_word##N flashfuse_widen_byte##N(flashfuse_byte##N v) { \
    return __builtin_convertvector(v, flashfuse_word##N);                                                      \
  }                                                                                                            \
  /* Interleaving a row with the one half a square further on, log2(N) times, transposes the square. */        \
  static inline __attribute__((always_inline)) void flashfuse_transpose##N(void *square) {                    \
    flashfuse_float##N *rows = (flashfuse_float##N *)square, a[N], b[N];                                       \
    for (int i = 0; i < N; i++) a[i] = rows[i];                                                                \
    for (int width = 1; width < N; width *= 2) {                                                               \
      for (int i = 0; i < N / 2; i++) {                                                                        \
        b[2 * i] = FLASHFUSE_LOW##N(a[i], a[i + N / 2]);                                                       \
        b[2 * i + 1] = FLASHFUSE_HIGH##N(a[i], a[i + N / 2]);                                                  \
      }                                                                                                        \
      for (int i = 0; i < N; i++) a[i] = b[i];                                                                 \
    }                                                                                                          \
    for (int i = 0; i < N; i++) rows[i] = a[i];                                                                \
  }                                                                                                            \
  /* The same, but rows that would end up beside each other are added: lane i is the sum of row i. */          \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_sums##N(const void *square) {     \
    const flashfuse_float##N *rows = (const flashfuse_float##N *)square;                                       \
    flashfuse_float##N a[N];                                                                                   \
    for (int i = 0; i < N; i++) a[i] = rows[i];                                                                \
    for (int count = N / 2; count > 0; count /= 2)                                                             \
      for (int i = 0; i < count; i++)                                                                          \
        a[i] = FLASHFUSE_LOW##N(a[i], a[i + count]) + FLASHFUSE_HIGH##N(a[i], a[i + count]);                    \
    return a[0];                                                                                               \
  }                                                                                                            \
  /* Each two neighbours in each other's place. */                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_swapped##N(flashfuse_float##N v) { \
    return FLASHFUSE_SWAPPED##N(v);                                                                            \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_from_float16_##N(                  \
      flashfuse_half##N v) {                                                                                   \
    return FLASHFUSE_FROM_FLOAT16(N, v);                                                                       \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_half##N flashfuse_to_float16_##N(                     \
      flashfuse_float##N v) {                                                                                  \
    return FLASHFUSE_TO_FLOAT16(N, v);                                                                         \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_half##N flashfuse_to_bfloat16_##N(                    \
      flashfuse_float##N v) {                                                                                  \
    return __builtin_convertvector(FLASHFUSE_ROUND_TO_HIGH(N, v) >> 16, flashfuse_half##N);                    \
  }                                                                                                            \
  /* The larger; a NaN in b is passed over. */                                                                 \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_maximum##N(                        \
      flashfuse_float##N a, flashfuse_float##N b) {                                                            \
    flashfuse_word##N isLarger = (flashfuse_word##N)(b > a);                                                   \
    return (flashfuse_float##N)((isLarger & (flashfuse_word##N)b) | (~isLarger & (flashfuse_word##N)a));       \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_whole##N(flashfuse_float##N x) { \
    return FLASHFUSE_WHOLE##N(x);                                                                           \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_scale##N(                          \
      flashfuse_float##N v, flashfuse_float##N x) {                                                            \
    return FLASHFUSE_SCALE##N(v, x);                                                                           \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_dot##N(                            \
      flashfuse_float##N a, flashfuse_float##N b, flashfuse_float##N c) {                                      \
    return FLASHFUSE_DOT##N(a, b, c);                                                                          \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_pack##N(                           \
      flashfuse_float##N first, flashfuse_float##N second) {                                                   \
    return FLASHFUSE_PACK##N(first, second);                                                                   \
  }

#define FLASHFUSE_SWAPPED4(v) __builtin_shufflevector(v, v, 1, 0, 3, 2)
#define FLASHFUSE_SWAPPED8(v) __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6)
#define FLASHFUSE_SWAPPED16(v) \
  __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
#define FLASHFUSE_LOW4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define FLASHFUSE_HIGH4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define FLASHFUSE_LOW8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define FLASHFUSE_HIGH8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define FLASHFUSE_LOW16(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define FLASHFUSE_HIGH16(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

FLASHFUSE_DEFINE_LANES(4)
FLASHFUSE_DEFINE_LANES(8)
FLASHFUSE_DEFINE_LANES(16)

// Two steps of a sum of products, with numbers in memory that are repeated along the lanes: `paired` is
// sum + (x + nextY) · (nextX + y), `opposed` is sum + (x − nextY) · (y − nextX), `both` is sum + x · y + nextX · nextY.
#define FLASHFUSE_DEFINE_STEPS(N)                                                                              \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_add_paired##N(                     \
      flashfuse_float##N sum, const float *x, const float *nextX, flashfuse_float##N y,                        \
      flashfuse_float##N nextY) {                                                                              \
    return sum + (*x + nextY) * (*nextX + y);                                                                  \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_add_opposed##N(                    \
      flashfuse_float##N sum, const float *x, const float *nextX, flashfuse_float##N y,                        \
      flashfuse_float##N nextY) {                                                                              \
    return sum - (nextY - *x) * (y - *nextX);                                                                  \
  }                                                                                                            \
  static inline __attribute__((always_inline)) flashfuse_float##N flashfuse_add_both##N(                       \
      flashfuse_float##N sum, const float *x, const float *nextX, flashfuse_float##N y,                        \
      flashfuse_float##N nextY) {                                                                              \
    return sum + *x * y + *nextX * nextY;                                                                      \
  }

FLASHFUSE_DEFINE_STEPS(4)
FLASHFUSE_DEFINE_STEPS(8)
#if defined(__AVX512F__)
// A tile of 8 × 3 sums and two steps of a panel leave two registers. Compilers put repeated numbers into them, which reads
// memory less often, but then nothing is left for the sums of steps.
static inline __attribute__((always_inline)) flashfuse_float16 flashfuse_add_paired16(
    flashfuse_float16 sum, const float *x, const float *nextX, flashfuse_float16 y, flashfuse_float16 nextY) {
  flashfuse_float16 left, right;
  __asm__("vaddps %[x]%{1to16%}, %[nextY], %[left]\n\t"
          "vaddps %[nextX]%{1to16%}, %[y], %[right]\n\t"
          "vfmadd231ps %[left], %[right], %[sum]"
          : [sum] "+v"(sum), [left] "=&v"(left), [right] "=&v"(right)
          : [x] "m"(*x), [nextX] "m"(*nextX), [y] "v"(y), [nextY] "v"(nextY));
  return sum;
}
static inline __attribute__((always_inline)) flashfuse_float16 flashfuse_add_opposed16(
    flashfuse_float16 sum, const float *x, const float *nextX, flashfuse_float16 y, flashfuse_float16 nextY) {
  flashfuse_float16 left, right;
  __asm__("vsubps %[x]%{1to16%}, %[nextY], %[left]\n\t"
          "vsubps %[nextX]%{1to16%}, %[y], %[right]\n\t"
          "vfnmadd231ps %[left], %[right], %[sum]"
          : [sum] "+v"(sum), [left] "=&v"(left), [right] "=&v"(right)
          : [x] "m"(*x), [nextX] "m"(*nextX), [y] "v"(y), [nextY] "v"(nextY));
  return sum;
}
static inline __attribute__((always_inline)) flashfuse_float16 flashfuse_add_both16(
    flashfuse_float16 sum, const float *x, const float *nextX, flashfuse_float16 y, flashfuse_float16 nextY) {
  __asm__("vfmadd231ps %[x]%{1to16%}, %[y], %[sum]" : [sum] "+v"(sum) : [x] "m"(*x), [y] "v"(y));
  __asm__("vfmadd231ps %[x]%{1to16%}, %[y], %[sum]" : [sum] "+v"(sum) : [x] "m"(*nextX), [y] "v"(nextY));
  return sum;
}
#else
FLASHFUSE_DEFINE_STEPS(16)
#endif
