import Operations

extension Flatten: ViewOperation {}

extension Identity: ViewOperation {}

extension Reshape: ViewOperation {}

extension Squeeze: ViewOperation {}

extension Unsqueeze: ViewOperation {}
