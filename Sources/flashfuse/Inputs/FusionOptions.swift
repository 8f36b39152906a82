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

  /// All fusions of flashfuse that are switched on.
  func pipeline() throws -> FusionPipeline {
    guard let fusionSwitchFile else { return .standard }
    return FusionPipeline.standard.applying(try FusionSwitches(contentsOfFile: fusionSwitchFile))
  }
}
