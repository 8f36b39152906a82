import KernelInterface
import Testing

@testable import Kernels

/// Arguments that contradict each other or their buffers are refused before anything is read.
struct ArgumentTests {
  static func refusal(_ change: (inout FlashAttentionArguments) -> Void) -> String? {
    let storage = OperandStorage(.float32, .headMajor, size: (2, 4, 6, 8))
    var arguments = FlashAttentionArguments(
      query: storage.buffer, key: storage.buffer, value: storage.buffer, output: storage.output, batch: 2,
      queryHeads: 4, keyHeads: 4, queryLength: 6, keyLength: 6, headSize: 8, valueSize: 8, scale: 1)
    change(&arguments)
    return withExtendedLifetime(storage) { () -> String? in
      do {
        _ = try FlashAttention(arguments)
        return nil
      } catch let error as KernelArgumentError {
        return error.description
      } catch {
        return "\(error)"
      }
    }
  }

  @Test func fittingArgumentsAreAccepted() {
    #expect(Self.refusal { _ in } == nil)
  }

  @Test func shortBuffers() {
    for keyPath in [\FlashAttentionArguments.query, \.key, \.value] {
      #expect(Self.refusal { $0[keyPath: keyPath].byteCount -= 1 }?.contains("but its buffer holds 383") == true)
    }
    #expect(Self.refusal { $0.output.byteCount = 0 }?.contains("output") == true)
    #expect(Self.refusal { $0.keyLength = 7 }?.contains("key reaches") == true)
    #expect(
      Self.refusal {
        $0.bias = $0.query
        $0.bias?.strides = Strides(batch: 192, head: 48, row: 8, column: 2)
      }?.contains("bias") == true)
    #expect(
      Self.refusal {
        $0.mask = BooleanBuffer(
          base: $0.query.base, byteCount: 35, strides: Strides(batch: 0, head: 0, row: 6, column: 1))
      }?.contains("mask") == true)
  }

  @Test func overflowingSizesAndStrides() {
    #expect(Self.refusal { $0.query.strides.head = .max }?.contains("address space") == true)
    #expect(Self.refusal { $0.key.strides.row = -8 }?.contains("stride -8") == true)
    #expect(Self.refusal { $0.batch = .max }?.contains("batch") == true)
    #expect(Self.refusal { $0.keyLength = -1 }?.contains("keyLength") == true)
    #expect(Self.refusal { $0.headSize = 1 << 25 }?.contains("head sizes") == true)
  }

  @Test func overlappingOutput() {
    #expect(Self.refusal { $0.output.strides.head = 0 }?.contains("overlap") == true)
    #expect(Self.refusal { $0.output.strides.row = 4 }?.contains("overlap") == true)
  }

  @Test func contradictions() {
    #expect(Self.refusal { $0.keyHeads = 3 }?.contains("no multiple") == true)
    #expect(Self.refusal { $0.keyHeads = 0 }?.contains("no multiple") == true)
    #expect(Self.refusal { $0.softcap = 0 }?.contains("soft cap") == true)
    #expect(Self.refusal { $0.sinks = [1] }?.contains("sinks") == true)
    #expect(Self.refusal { $0.validKeyLengths = [1] }?.contains("valid key lengths") == true)
    #expect(Self.refusal { $0.validKeyLengths = [1, 7] }?.contains("valid key length 7") == true)
    #expect(Self.refusal { $0.window = AttentionWindow(left: -1) }?.contains("window") == true)
  }

  @Test func instructionSetByName() {
    #expect(InstructionSet.choice(named: "portable") == .portable)
    #expect(InstructionSet.choice(named: "mmx") == InstructionSet.choice(named: nil))
    #expect(InstructionSet.choice(named: nil).isAvailable)
    for instructionSet in InstructionSet.allCases where instructionSet.isAvailable {
      #expect(instructionSet.kernels.panelRows > 0)
    }
  }
}
