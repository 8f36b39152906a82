import GraphIR
import Operations

extension Cast: ViewOperation, ElementwiseExecutable {
  package func isView(_ input: ValueInfo) -> Bool { input.element == to }

  package func emit(
    _ inputs: [ProgramValue], infos: [ValueInfo], into program: inout ProgramBuilder
  ) -> ProgramValue? {
    infos[0].element == to ? inputs[0] : nil
  }
}

extension Flatten: ViewOperation {}

extension Identity: ViewOperation {}

extension Reshape: ViewOperation {}

extension Squeeze: ViewOperation {}

extension Unsqueeze: ViewOperation {}
