#pragma once
#include <stdbool.h>

#if defined(__x86_64__)
#include <cpuid.h>

/// The bits of extended control register 0: which register files the operating system saves.
static inline unsigned long long flashfuse_saved_registers(void) {
  unsigned int low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((unsigned long long)high << 32) | low;
}

/// Whether processor and operating system provide every bit of `leaf1` (leaf 1, ecx) and `leaf7` (leaf 7, ebx), and
/// save the register files in `registers`.
static inline bool flashfuse_provides(unsigned int leaf1, unsigned int leaf7, unsigned long long registers) {
  unsigned int a, b, c, d;
  const unsigned int savesRegisters = 1u << 27;
  if (!__get_cpuid_count(1, 0, &a, &b, &c, &d)) return false;
  if ((c & savesRegisters) == 0 || (c & leaf1) != leaf1) return false;
  if ((flashfuse_saved_registers() & registers) != registers) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return (b & leaf7) == leaf7;
}
#endif

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// The number of the processor that this thread runs on, or a negative one where that is not known.
static inline int flashfuse_current_processor(void) {
#if defined(__linux__)
  unsigned int processor = 0;
  if (syscall(SYS_getcpu, &processor, (void *)0, (void *)0) == 0) return (int)processor;
#endif
  return -1;
}

/// Moves this thread to another processor among those that it may use, if there is one, and leaves it free to move on.
static inline void flashfuse_leave_processor(int processor) {
#if defined(__linux__)
  enum { wordBits = 8 * sizeof(unsigned long), words = 8192 / wordBits };
  unsigned long allowed[words] = {0}, others[words];
  const long byteCount = syscall(SYS_sched_getaffinity, 0, sizeof allowed, allowed);
  if (processor < 0 || processor >= words * wordBits || byteCount <= 0) return;
  bool isEmpty = true;
  for (int word = 0; word < words; word++) {
    others[word] = allowed[word];
    if (word == processor / wordBits) others[word] &= ~(1ul << processor % wordBits);
    isEmpty = isEmpty && others[word] == 0;
  }
  if (isEmpty || syscall(SYS_sched_setaffinity, 0, byteCount, others) != 0) return;
  syscall(SYS_sched_setaffinity, 0, byteCount, allowed);
#else
  (void)processor;
#endif
}

/// Tells the processor that this thread only waits for another.
static inline void flashfuse_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Whether code compiled for x86-64-v3 (AVX2, FMA, F16C, BMI) runs here.
static inline bool flashfuse_has_avx2(void) {
#if defined(__x86_64__)
  const unsigned int leaf1 = (1u << 12) | (1u << 22) | (1u << 28) | (1u << 29);  // FMA, MOVBE, AVX, F16C
  const unsigned int leaf7 = (1u << 3) | (1u << 5) | (1u << 8);                  // BMI1, AVX2, BMI2
  return flashfuse_provides(leaf1, leaf7, 0x6);
#else
  return false;
#endif
}

/// Whether code compiled for x86-64-v4 (AVX-512 F, DQ, CD, BW, VL) runs here.
static inline bool flashfuse_has_avx512(void) {
#if defined(__x86_64__)
  const unsigned int leaf7 = (1u << 16) | (1u << 17) | (1u << 28) | (1u << 30) | (1u << 31);
  return flashfuse_has_avx2() && flashfuse_provides(0, leaf7, 0xe6);
#else
  return false;
#endif
}

/// Whether additions run beside multiplications instead of in their place, on a processor with AVX-512: on AMD's since Zen 4.
static inline bool flashfuse_has_separate_adders(void) {
#if defined(__x86_64__)
  unsigned int a, b, c, d;
  if (!flashfuse_has_avx512() || !__get_cpuid_count(0, 0, &a, &b, &c, &d)) return false;
  return b == signature_AMD_ebx && c == signature_AMD_ecx && d == signature_AMD_edx;
#else
  return false;
#endif
}

/// Whether dot products of bfloat16 pairs (AVX512_BF16) run here.
static inline bool flashfuse_has_bfloat16_dots(void) {
#if defined(__x86_64__)
  unsigned int a, b, c, d;
  return flashfuse_has_avx512() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5)) != 0;
#else
  return false;
#endif
}
