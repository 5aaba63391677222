// Drawing polygons: a click sets a corner, a double click the last one; Escape takes the last back.
export default ({mode, polygons, draft, pen, plot, edit, tap}, doc, _data, {index}) => {
  const empty = () => { draft.data = {x: [], y: []} }
  const drawing = () => mode.active == 1
  const corners = () => [Array.from(draft.data.x), Array.from(draft.data.y)]
  const finish = () => {
    const [x, y] = corners()
    x.pop(); y.pop() // the one that follows the cursor
    const kept = x.map((_, i) => i).filter((i) => i == 0 || x[i] != x[i - 1] || y[i] != y[i - 1])
    if (kept.length >= 3 && pen.data.value[0] != null) {
      const {xs, ys, value, color} = polygons.data
      polygons.data = {
        xs: [...xs, kept.map((i) => x[i])],
        ys: [...ys, kept.map((i) => y[i])],
        value: [...value, pen.data.value[0]],
        color: [...color, pen.data.color[0]],
      }
    }
    empty()
  }
  const remove = () => {
    const gone = new Set(polygons.selected.indices)
    if (gone.size == 0) return
    const keep = (column) => Array.from(column).filter((_, i) => !gone.has(i))
    const {xs, ys, value, color} = polygons.data
    polygons.selected.indices = []
    polygons.data = {xs: keep(xs), ys: keep(ys), value: keep(value), color: keep(color)}
  }
  const change = () => {
    edit.active = tap.active = mode.active == 2
    if (!drawing()) empty()
    const view = index.find_one(plot)
    if (view != null) view.el.style.setProperty("cursor", drawing() ? "crosshair" : "")
  }
  mode.properties.active.change.connect(change)
  plot.on_event("tap", ({x, y}) => {
    if (!drawing() || pen.data.value[0] == null) return
    const [xs, ys] = corners()
    if (xs.length > 0) { xs.pop(); ys.pop() }
    draft.data = {x: [...xs, x, x], y: [...ys, y, y]}
  })
  plot.on_event("mousemove", ({x, y}) => {
    if (!drawing() || draft.data.x.length == 0) return
    const [xs, ys] = corners()
    xs[xs.length - 1] = x
    ys[ys.length - 1] = y
    draft.data = {x: xs, y: ys}
  })
  plot.on_event("doubletap", ({x, y}) => {
    if (!drawing() || draft.data.x.length == 0) return
    const [xs, ys] = corners()
    draft.data = {x: [...xs.slice(0, -1), x, x], y: [...ys.slice(0, -1), y, y]}
    finish()
  })
  document.addEventListener("keydown", (event) => {
    const writing = event.composedPath().some((el) => ["INPUT", "SELECT", "TEXTAREA"].includes(el.tagName))
    if (writing) return
    if (event.key == "Enter" && drawing()) finish()
    if (event.key == "Escape" && drawing()) {
      const [xs, ys] = corners()
      draft.data = xs.length > 2 ? {x: [...xs.slice(0, -2), xs.at(-1)], y: [...ys.slice(0, -2), ys.at(-1)]} : {x: [], y: []}
    }
    if (event.key == "Delete" && mode.active == 2) remove()
  })
  change()
}
