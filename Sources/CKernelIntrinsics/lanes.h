#pragma once

// What Swift's SIMD types lack, or compile to a loop over lanes: widening integers and transposing a square of lanes.
// Every function is static inline, so that each instruction set's target has its own.

#define FLASHFUSE_DEFINE_LANES(N)                                                                              \
  typedef float flashfuse_float##N __attribute__((ext_vector_type(N)));                                        \
  typedef unsigned int flashfuse_word##N __attribute__((ext_vector_type(N)));                                  \
  typedef unsigned short flashfuse_half##N __attribute__((ext_vector_type(N)));                                \
  typedef unsigned char flashfuse_byte##N __attribute__((ext_vector_type(N)));                                 \
                                                                                                               \
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
  }

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
