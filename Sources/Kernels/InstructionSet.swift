import CKernelIntrinsics
import Foundation
import KernelInterface
import KernelsPortable

#if arch(x86_64)
  import KernelsAVX2
  import KernelsAVX512
#endif

/// Which build of the kernels runs.
package enum InstructionSet: String, Sendable, CaseIterable {
  /// The baseline of the architecture: SSE2 on x86-64, NEON on arm64.
  case portable
  /// x86-64-v3: AVX2, FMA, F16C.
  case avx2
  /// x86-64-v4: AVX-512 F, BW, CD, DQ, VL.
  case avx512

  /// The environment variable that overrides the choice: `portable`, `avx2` or `avx512`.
  package static let environmentVariable = "FLASHFUSE_INSTRUCTION_SET"

  /// Whether this processor and operating system run it.
  package var isAvailable: Bool {
    switch self {
    case .portable: true
    case .avx2: flashfuse_has_avx2()
    case .avx512: flashfuse_has_avx512()
    }
  }

  /// Whether additions run beside multiplications, so that sums of products go faster with fewer of these.
  package var hasSeparateAdders: Bool { self == .avx512 && flashfuse_has_separate_adders() }

  /// Whether dot products of bfloat16 pairs are among its instructions on this processor.
  package var hasBFloat16Dots: Bool { kernels.hasBFloat16Dots && flashfuse_has_bfloat16_dots() }

  /// What runs in this process: the widest that is available, or the one that the environment names.
  ///
  /// A name that is unknown or not available here is passed over.
  package static let current = choice(named: ProcessInfo.processInfo.environment[environmentVariable])

  static func choice(named name: String?) -> InstructionSet {
    if let name, let named = InstructionSet(rawValue: name), named.isAvailable { return named }
    return allCases.last(where: \.isAvailable) ?? .portable
  }

  /// The kernels of this build; those of `portable` where this architecture has no other.
  package var kernels: KernelTable {
    #if arch(x86_64)
      switch self {
      case .portable: KernelsPortable.kernelTable
      case .avx2: KernelsAVX2.kernelTable
      case .avx512: KernelsAVX512.kernelTable
      }
    #else
      KernelsPortable.kernelTable
    #endif
  }
}
