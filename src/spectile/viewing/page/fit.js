// Pixels are square whatever the size of the plot, and at first the whole scene is seen.
export default ({plots, x, y, width, height, screen}, doc, _data, {index}) => {
  let fitted = false
  const fit = () => {
    const plot = plots.find((one) => one.visible && one.inner_width > 1)
    if (plot == null) return
    const [w, h] = [plot.inner_width, plot.inner_height]
    if (!(w > 1 && h > 1)) return
    const [old] = screen.data.width
    if (fitted && old == w && screen.data.height[0] == h) return
    if (fitted && x.start == x.reset_start && x.end == x.reset_end) fitted = false // nobody zoomed
    const whole = Math.max(width / w, height / h) * 1.02
    const unit = fitted ? Math.abs(x.end - x.start) / old : whole
    const cx = fitted ? (x.start + x.end) / 2 : width / 2
    const cy = fitted ? (y.start + y.end) / 2 : height / 2
    const [rx, ry] = [whole * w / 2, whole * h / 2]
    x.setv({reset_start: width / 2 - rx, reset_end: width / 2 + rx})
    y.setv({reset_start: height / 2 + ry, reset_end: height / 2 - ry})
    x.setv({start: cx - unit * w / 2, end: cx + unit * w / 2})
    y.setv({start: cy + unit * h / 2, end: cy - unit * h / 2})
    screen.data = {width: [w], height: [h], ratio: [window.devicePixelRatio]}
    fitted = true
  }
  let waiting = 0
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(fit, 40) }
  const watch = () => {
    const views = plots.map((plot) => index.find_one(plot)).filter((view) => view != null)
    if (views.length == 0) return setTimeout(watch, 50)
    for (const view of views) {
      new ResizeObserver(soon).observe(view.el)
      view.canvas_view?.events_el?.style.setProperty("outline", "none") // a frame around a frame
    }
    soon()
  }
  watch()
}
