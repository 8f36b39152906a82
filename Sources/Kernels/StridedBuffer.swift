import KernelInterface

/// Elements from one position to the next along each axis of a four-dimensional operand; 0 repeats the same element.
package struct Strides: Hashable, Sendable {
  package var batch: Int
  package var head: Int
  package var row: Int
  package var column: Int

  package init(batch: Int, head: Int, row: Int, column: Int = 1) {
    self.batch = batch
    self.head = head
    self.row = row
    self.column = column
  }
}

/// Numbers in memory that a kernel reads: where, how many bytes from there on are theirs, and how they are laid out.
///
/// The memory has to stay valid and unchanged while a kernel runs.
package struct StridedBuffer: @unchecked Sendable {
  package var base: UnsafeRawPointer
  package var byteCount: Int
  package var element: KernelElement
  package var strides: Strides

  package init(base: UnsafeRawPointer, byteCount: Int, element: KernelElement, strides: Strides) {
    self.base = base
    self.byteCount = byteCount
    self.element = element
    self.strides = strides
  }
}

/// Booleans in memory, one byte each, nonzero = true.
package struct BooleanBuffer: @unchecked Sendable {
  package var base: UnsafeRawPointer
  package var byteCount: Int
  package var strides: Strides

  package init(base: UnsafeRawPointer, byteCount: Int, strides: Strides) {
    self.base = base
    self.byteCount = byteCount
    self.strides = strides
  }
}

/// Numbers in memory that a kernel writes.
package struct MutableStridedBuffer: @unchecked Sendable {
  package var base: UnsafeMutableRawPointer
  package var byteCount: Int
  package var element: KernelElement
  package var strides: Strides

  package init(base: UnsafeMutableRawPointer, byteCount: Int, element: KernelElement, strides: Strides) {
    self.base = base
    self.byteCount = byteCount
    self.element = element
    self.strides = strides
  }
}
