import ArgumentParser
import Fusion
import Rewriting

/// Which fusions a command makes.
struct FusionOptions: ParsableArguments {
  @Option(
    name: [.customLong("fusion-switch-file"), .customLong("fusion_switch_file")],
    help: ArgumentHelp(
      "A file that turns passes on and off, in either form that Ascend's graph engine takes.", valueName: "FILE"))
  var fusionSwitchFile: String?

  @Option(
    help: ArgumentHelp(
      "Which attentions are fused: always all that can be, or only those that the model of bytes moved calls profitable; "
        + "other fusions always are."))
  var policy: FusionPolicy = .always

  /// All fusions of flashfuse that are switched on.
  func pipeline() throws -> FusionPipeline {
    let pipeline = FusionPipeline.standard.applying(policy)
    guard let fusionSwitchFile else { return pipeline }
    return pipeline.applying(try FusionSwitches(contentsOfFile: fusionSwitchFile))
  }
}

extension FusionPolicy: ExpressibleByArgument {}
