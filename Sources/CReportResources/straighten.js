/**
 * Takes the slant out of long drawings. Where every layer of a model is placed a little to the left of the one before, forty of them
 * make a drawing far wider than any part of it.
 */
const straighten = (() => {
  /** Shorter drawings don't slant far. */
  const fewestRows = 25;
  /** Rows on either side over which the slant is averaged: about two layers of a folded model. */
  const reach = 8;

  /** The middle of what lies in each row, by the row's y. */
  function middles(boxes) {
    const rows = new Map();
    for (const box of boxes) {
      const row = rows.get(box.y) ?? [Infinity, -Infinity];
      rows.set(box.y, [Math.min(row[0], box.x - box.width / 2), Math.max(row[1], box.x + box.width / 2)]);
    }
    return [...rows].sort((a, b) => a[0] - b[0]).map(([y, [left, right]]) => ({ y, x: (left + right) / 2 }));
  }

  /** A function of y: how far the drawing has moved there. */
  function slant(rows) {
    const means = rows.map((row, index) => {
      const near = rows.slice(Math.max(0, index - reach), index + reach + 1);
      return near.reduce((sum, each) => sum + each.x, 0) / near.length;
    });
    return y => {
      let low = 0, high = rows.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (rows[middle].y <= y) low = middle; else high = middle;
      }
      const part = Math.min(1, Math.max(0, (y - rows[low].y) / (rows[high].y - rows[low].y || 1)));
      return means[low] + part * (means[high] - means[low]);
    };
  }

  /** Moves the boxes and the points of the edges. */
  return function straighten(boxes, edges) {
    const rows = middles(boxes);
    if (rows.length < fewestRows) return;
    const moved = slant(rows);
    for (const box of boxes) box.x -= moved(box.y);
    for (const edge of edges) {
      for (const point of edge.points) point.x -= moved(point.y);
    }
  };
})();
