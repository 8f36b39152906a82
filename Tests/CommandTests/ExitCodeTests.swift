import Foundation
import TestSupport
import Testing

@Suite struct ExitCodeTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test(arguments: [
    ["--help"], ["fuse", "--help"], ["run", "--help"], ["bench", "attention", "--help"], ["--version"],
  ])
  func helpIsNoFailure(_ arguments: [String]) throws {
    let run = try CommandRun(arguments)
    #expect(run.status == 0)
    #expect(!run.output.isEmpty && run.errors.isEmpty)
  }

  @Test(
    arguments: [
      [], ["fuse"], ["nonsense"], ["explain", "a", "b"], ["run", "model.onnx", "--threads", "0"],
      ["run", "model.onnx", "--threads", "many"], ["run", "model.onnx", "--no-fuse", "--compare"],
      ["run", graph("gpt2.onnx")], ["run", graph("gpt2.onnx"), "--input", "nothing=random"],
      ["run", graph("gpt2.onnx"), "--input", "input_ids=random:2,x"],
      ["run", graph("gpt2.onnx"), "--input", "input_ids"],
      ["plan", "--shape", "1,2,3"], ["plan", "--shape", "1,2,3,4", "--device", "abacus"],
      ["fuse", graph("gpt2.onnx"), "--attention-op", "nonsense"],
      ["bench", "attention", "--heads", "3", "--kv-heads", "2"],
    ] as [[String]])
  func wrongUsageIs64(_ arguments: [String]) throws {
    let run = try CommandRun(arguments)
    if arguments.isEmpty {
      // No subcommand: help is what the user needs.
      #expect(run.status == 0 || run.status == 64)
    } else {
      #expect(run.status == 64, "\(run.errors)")
      #expect(run.saysOneError, "\(run.errors)")
    }
  }

  @Test func openSizesAreNamed() throws {
    let run = try CommandRun("run", graph("gpt2.onnx"))
    #expect(run.errors.contains("'input_ids'") && run.errors.contains("batch, sequence"))
  }

  @Test(arguments: ["fuse", "explain", "run"])
  func aMissingFileIs66(_ command: String) throws {
    let run = try CommandRun(command, folder.file("missing.onnx"))
    #expect(run.status == 66)
    #expect(run.saysOneError)
  }

  @Test(arguments: ["bert.xml", "gpt2.onnx"])
  func aTruncatedModelIs65AndWritesNothing(_ name: String) throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: graph(name)))
    let model = try folder.write(whole.prefix(whole.count / 2), to: "cut-\(name)")
    let output = folder.file("fused-\(name)")
    let run = try CommandRun("fuse", model, "-o", output, "--log", folder.file("log.json"))
    #expect(run.status == 65, "\(run.errors)")
    #expect(run.saysOneError, "\(run.errors)")
    #expect(try folder.contents() == ["cut-\(name)"])
  }

  @Test func aMalformedArchiveOfInputsIs65() throws {
    let inputs = try folder.write("this is no archive", to: "inputs.npz")
    let run = try CommandRun("run", graph("gpt2.onnx"), "--inputs", inputs)
    #expect(run.status == 65)
    #expect(run.saysOneError)
  }

  @Test func inputsThatContradictAre65() throws {
    let run = try CommandRun(
      "run", graph("gpt2.onnx"), "--input", "input_ids=random:2,5", "--input", "attention_mask=random:2,6")
    #expect(run.status == 65)
    #expect(run.saysOneError && run.errors.contains("sequence"), "\(run.errors)")
  }

  /// An IR with an operation that nobody knows.
  private static let unknownOperation = """
    <?xml version="1.0"?>
    <net name="mystery" version="11">
      <layers>
        <layer id="0" name="x" type="Parameter" version="opset1">
          <data shape="2,3" element_type="f32"/>
          <output><port id="0" precision="FP32" names="x"><dim>2</dim><dim>3</dim></port></output>
        </layer>
        <layer id="1" name="riddle" type="Mystery" version="opset1">
          <input><port id="0" precision="FP32"><dim>2</dim><dim>3</dim></port></input>
          <output><port id="1" precision="FP32"><dim>2</dim><dim>3</dim></port></output>
        </layer>
        <layer id="2" name="y" type="Result" version="opset1">
          <input><port id="0" precision="FP32"><dim>2</dim><dim>3</dim></port></input>
        </layer>
      </layers>
      <edges>
        <edge from-layer="0" from-port="0" to-layer="1" to-port="0"/>
        <edge from-layer="1" from-port="1" to-layer="2" to-port="0"/>
      </edges>
    </net>
    """

  @Test func anUnknownOperationStopsARunWith69AndNothingElse() throws {
    let model = try folder.write(Self.unknownOperation, to: "mystery.xml")
    try folder.write(Data(), to: "mystery.bin")
    let run = try CommandRun("run", model)
    #expect(run.status == 69, "\(run.errors)")
    #expect(run.saysOneError && run.errors.contains("riddle") && run.errors.contains("Mystery"), "\(run.errors)")
    #expect(try CommandRun("explain", model).status == 0)
  }

  @Test func aMemoryLimitThatIsTooSmallIs69() throws {
    let run = try CommandRun("run", graph("gpt2.onnx"), "--inputs", graph("gpt2.npz"), "--memory-limit", "1K")
    #expect(run.status == 69)
    #expect(run.saysOneError && run.errors.contains("memory limit"))
  }

  @Test func randomInputsThatDoNotFitInMemoryAre69() throws {
    for size in ["4294967296,1024", "4294967296,1"] {
      let run = try CommandRun(
        "run", graph("gpt2.onnx"), "--input", "input_ids=random:\(size)", "--memory-limit", "1G")
      #expect(run.status == 69)
      #expect(run.saysOneError && run.errors.contains("memory limit"), "\(run.errors)")
    }
    let bench = try CommandRun("bench", "attention", "--query-length", "16777216", "--head-dim", "16777216")
    #expect(bench.status == 69 && bench.saysOneError, "\(bench.errors)")
  }

  /// Runs `command` in a shell, whose redirections say where its streams lead: `$0` is the executable, `$1` a model, `$2` a folder.
  private func shell(_ command: String) throws -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command, try CommandRun.executable().path, graph("gpt2.onnx"), folder.path]
    let errors = Pipe()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, text)
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")),
    arguments: [
      #""$0" explain "$1""#, #""$0" explain "$1" --json"#, #""$0" fuse "$1" --json --export-compile-stat 0"#,
      #""$0" plan --shape 1,2,64,8"#,
    ])
  func whatCannotBePrintedIs66(_ command: String) throws {
    let (status, errors) = try shell(command + " > /dev/full")
    #expect(status == 66)
    #expect(errors.hasPrefix("error: standard output: cannot be written"), "\(errors)")
    #expect(errors.count { $0 == "\n" } == 1)
  }

  @Test func errorsThatCannotBePrintedKeepTheirCode() throws {
    #expect(try shell(#""$0" explain "$2/none.onnx" 2> /dev/full"#).status == 66)
    #expect(try shell(#""$0" explain "$2/none.onnx" 2>&-"#).status == 66)
    #expect(try shell(#""$0" explain "$1" >&-"#).status == 0)
  }

  @Test func anArgumentThatIsNotTextIs64() throws {
    let (status, errors) = try shell(#""$0" explain "$(printf 'a\377.onnx')""#)
    #expect(status == 64 && errors.contains("is not UTF-8"), "\(errors)")
  }

  @Test(arguments: [".", "/", ""])
  func anOutputThatIsAFolderIs66(_ output: String) throws {
    let run = try CommandRun("fuse", graph("gpt2.onnx"), "-o", output, "--export-compile-stat", "0")
    #expect(run.status == 66 && run.saysOneError, "\(run.errors)")
  }

  @Test func aComparisonThatFailsIs1() throws {
    let model = graph("gpt2.onnx")
    let failing = try CommandRun("run", model, "--inputs", graph("gpt2.npz"), "--compare", "--tolerance", "0")
    #expect(failing.status == 1)
    #expect(failing.output.contains("TOO LARGE"))
    #expect(try CommandRun("run", model, "--inputs", graph("gpt2.npz"), "--compare").status == 0)
  }

  @Test func anOutputFolderThatDoesNotExistIs66() throws {
    let run = try CommandRun("fuse", graph("gpt2.onnx"), "-o", folder.file("none/gpt2.onnx"))
    #expect(run.status == 66)
    #expect(run.saysOneError)
  }
}
