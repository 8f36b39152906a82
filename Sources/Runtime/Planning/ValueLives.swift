import Tensors

/// From which step to which the values of a plan are needed, and which of them share memory.
struct ValueLives {
  /// For every slot that some step writes or reads and that is no result, the last such step.
  private(set) var lastReaders: [Int: Int] = [:]
  /// For a slot whose value lies in another one's memory, that other slot.
  private var owners: [Int: Int] = [:]
  private var sharers: [Int: [Int]] = [:]
  /// The steps whose output is written over one of their inputs.
  private(set) var overwriting: Set<Int> = []
  /// Values whose memory leaves the plan.
  private var escaping: Set<Int> = []

  /// Values smaller than this have memory of their own: planning a place for each would take longer than it saves.
  private static let smallest = 4096

  init(_ steps: [ExecutionPlan.Step], outputs: [ExecutionPlan.Operand], overwritable: [[Int]]) {
    for (index, step) in steps.enumerated() {
      for case .slot(let slot) in step.inputs { lastReaders[slot] = index }
      for case let slot? in step.outputs { lastReaders[slot] = index }
    }
    for case .slot(let slot) in outputs { lastReaders[slot] = nil }
    let results = Set(outputs.compactMap { if case .slot(let slot) = $0 { slot } else { nil } })
    var bytes: [Int: Int] = [:]
    for (index, step) in steps.enumerated() {
      guard let output = step.outputs.first, let slot = output else { continue }
      if case .view = step.method, case .slot(let source)? = step.inputs.first { share(slot, source) }
      guard let size = Self.plannedBytes(of: step, 0) else { continue }
      bytes[slot] = size
      guard !results.contains(slot) else { continue }
      // Over an input of the same size that nothing needs any more, other views of it included.
      for place in overwritable[index] {
        guard case .slot(let source) = step.inputs[place], bytes[owner(of: source)] == size else { continue }
        let owner = owner(of: source)
        let sharing = [owner] + sharers[owner, default: []]
        let isLast = sharing.allSatisfy { lastReaders[$0].map { $0 <= index } ?? false }
        let readsOnce = step.inputs.filter {
          if case .slot(let other) = $0 { self.owner(of: other) == owner } else { false }
        }
        guard isLast, readsOnce.count == 1 else { continue }
        share(slot, owner)
        overwriting.insert(index)
        break
      }
    }
    for slot in results { escaping.insert(owner(of: slot)) }
  }

  private mutating func share(_ slot: Int, _ source: Int) {
    let owner = owner(of: source)
    owners[slot] = owner
    sharers[owner, default: []].append(slot)
  }

  private func owner(of slot: Int) -> Int { owners[slot] ?? slot }

  /// The bytes of a step's output that a place can be planned for.
  private static func plannedBytes(of step: ExecutionPlan.Step, _ output: Int) -> Int? {
    guard case .kernel = step.method, let sizes = step.outputTypes[output].shape.sizes,
      let count = try? Tensor.elementCount(of: sizes, element: step.outputTypes[output].element)
    else { return nil }
    let bytes = step.outputTypes[output].element.byteCount(of: count)
    return bytes >= smallest ? bytes : nil
  }

  /// Gives the outputs of `steps` places in one block of memory, and returns how many bytes that has, and how many of them hold a
  /// value that is needed while each step runs.
  func place(in steps: inout [ExecutionPlan.Step]) -> (byteCount: Int, alive: [Int]) {
    var demands: [MemoryPlan.Demand] = []
    var demandOf: [Int: Int] = [:]
    var uses: [(step: Int, output: Int, demand: Int)] = []
    for (index, step) in steps.enumerated() {
      for case .slot(let slot) in step.inputs {
        if let demand = demandOf[owner(of: slot)] { demands[demand].last = index }
      }
      for (output, slot) in step.outputs.enumerated() {
        guard let slot, let bytes = Self.plannedBytes(of: step, output), !escaping.contains(owner(of: slot)) else {
          continue
        }
        let demand = demandOf[owner(of: slot)] ?? demands.count
        if demand == demands.count {
          demands.append(.init(byteCount: bytes, first: index, last: index))
          demandOf[owner(of: slot)] = demand
        }
        demands[demand].last = index
        uses.append((index, output, demand))
      }
    }
    let plan = MemoryPlan(demands)
    for (step, output, demand) in uses { steps[step].places[output] = plan.offsets[demand] }
    var changes = [Int](repeating: 0, count: steps.count + 1)
    for demand in demands {
      changes[demand.first] += demand.byteCount
      changes[demand.last + 1] -= demand.byteCount
    }
    var alive = 0
    return (
      plan.byteCount,
      changes.dropLast().map { change in
        alive += change
        return alive
      }
    )
  }
}
