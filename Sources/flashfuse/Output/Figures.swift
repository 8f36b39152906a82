import Foundation

/// Figures with units, for people.
enum Figures {
  static func bytes(_ count: Int) -> String {
    if count < 1000 { return "\(count) B" }
    var value = Double(count)
    var unit = "B"
    for larger in ["kB", "MB", "GB", "TB"] where value >= 999.5 {
      value /= 1000
      unit = larger
    }
    return "\(significant(value, digits: 3)) \(unit)"
  }

  static func seconds(_ value: Double) -> String {
    switch value {
    case ..<1e-3: "\(significant(value * 1e6, digits: 3)) µs"
    case ..<1: "\(significant(value * 1e3, digits: 3)) ms"
    default: "\(significant(value, digits: 3)) s"
    }
  }

  /// An error or a tolerance: `3.6e-07`, and 0 where there is none.
  static func error(_ value: Double) -> String { value == 0 ? "0" : String(format: "%.1e", value) }

  static func number(_ value: Double) -> String { String(format: "%.5g", value) }

  private static func significant(_ value: Double, digits: Int) -> String {
    let decimals = max(0, digits - 1 - Int(log10(max(value, 1))))
    return String(format: "%.\(decimals)f", value)
  }

  /// `1 attention`, `2 attentions`.
  static func count(_ number: Int, _ noun: String, plural: String? = nil) -> String {
    "\(number) \(number == 1 ? noun : plural ?? noun + "s")"
  }
}
